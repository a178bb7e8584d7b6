using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Model;

/// <summary>The kind of memory, and what was agreed in the handshake.</summary>
internal sealed record ModelSetup(MemoryKind Memory, UffdFeatures Features);

/// <summary>What the page table holds for a page.</summary>
internal enum Entry
{
    /// <summary>Nothing: the page is missing here. Of shared memory there may be one in the page cache all the same.</summary>
    Nothing,

    /// <summary>A marker in place of a page: whatever comes here will be write-protected.</summary>
    Marker,

    /// <summary>A marker in place of a page: who touches it gets SIGBUS.</summary>
    Poison,

    /// <summary>The one page of zeros that all private memory shares, for reading only.</summary>
    ZeroPage,

    /// <summary>A page.</summary>
    Page,
}

/// <summary>
/// A region of memory under a userfaultfd, as the kernel treats it: the executable description. Read it from the top: what a
/// page is, what a touch does, and then what each operation does. It is compared with the real kernel after every operation
/// of random sequences (<see cref="ModelTests"/>). Where a comment says "measured", no manual says so.
/// </summary>
internal class RegionModel
{
    public const int PageCount = 5;

    private readonly UffdFeatures _features;
    private readonly bool _shared;
    private readonly Page[] _pages = [.. Enumerable.Range(0, PageCount).Select(_ => new Page())];
    private readonly Page[] _sources = [.. Enumerable.Range(0, PageCount).Select(_ => new Page())];
    private readonly List<TouchNews> _news = [];

    public RegionModel(ModelSetup setup)
    {
        _features = setup.Features;
        _shared = setup.Memory.IsShared();
    }

    /// <summary>What is known of one page.</summary>
    protected sealed class Page
    {
        /// <summary>What it is registered for; pages side by side with the same modes are one mapping to the kernel.</summary>
        public UffdRegisterModes Modes { get; set; }

        /// <summary>What the page table holds.</summary>
        public Entry Entry { get; set; }

        /// <summary>The write-protect bit of a <see cref="Entry.Page"/> or <see cref="Entry.ZeroPage"/>.</summary>
        public bool IsProtected { get; set; }

        /// <summary>
        /// The bit says nothing: the page was written while its range was registered without write-protection, which leaves the
        /// bit in place and lets writes through from then on, also after registering for it again (measured).
        /// </summary>
        public bool IsBitVoid { get; set; }

        /// <summary>
        /// The bytes. Private memory has them while a page is mapped. Shared memory has them while a page is in the page cache,
        /// mapped here or not.
        /// </summary>
        public byte? Content { get; set; }

        /// <summary>The thread that waits for this page; one at most, so that it is certain who comes first.</summary>
        public Touch? Waiting { get; set; }

        public bool IsPresent => Entry is Entry.Page or Entry.ZeroPage;

        /// <summary>The page table gets something else.</summary>
        public void Put(Entry entry, bool isProtected = false) => (Entry, IsProtected, IsBitVoid) = (entry, isProtected, false);

        public bool Has(UffdRegisterModes mode) => (Modes & mode) != 0;
    }

    /// <summary>A thread reads a page, or writes a value over it.</summary>
    protected sealed record Touch(bool IsWrite, byte Value);

    /// <summary>Does an operation.</summary>
    public Report Apply(Operation operation)
    {
        _news.Clear();
        Answer answer = operation switch
        {
            Read(int page) => TouchPage(page, new Touch(IsWrite: false, 0)),
            Write(int page, byte value) => TouchPage(page, new Touch(IsWrite: true, value)),
            Copy copy => DoCopy(copy),
            ZeroPage zero => DoZeroPage(zero),
            Continue next => DoContinue(next),
            Poison poison => DoPoison(poison),
            Move move => DoMove(move),
            WriteProtect protect => DoWriteProtect(protect),
            DontNeed range => DoDontNeed(range),
            Remove range => DoRemove(range),
            Register register => DoRegister(register),
            Unregister range => DoUnregister(range),
            Wake range => DoWake(range),
            WriteFile(int page, byte value) => DoWriteFile(page, value),
            ReadSource(int page) => DoReadSource(page),
            WriteSource(int page, byte value) => DoWriteSource(page, value),
            _ => throw new ArgumentOutOfRangeException(nameof(operation)),
        };
        return new Report(answer, [.. _news.OrderBy(news => news.Page)], [.. _pages.Select(View)], [.. _sources.Select(View)]);
    }

    // ---- Touching

    private Answer TouchPage(int page, Touch touch)
    {
        if (_pages[page].Waiting is not null)
        {
            return Answer.Occupied;
        }

        Go(page, touch);
        return Answer.Done;
    }

    /// <summary>A thread touches a page, for the first time or after it was woken.</summary>
    private void Go(int index, Touch touch)
    {
        TouchEnd end = End(index, touch);
        if (end is TouchEnd.WaitsMissing or TouchEnd.WaitsMinor or TouchEnd.WaitsWriteProtect)
        {
            if (_features.HasFlag(UffdFeatures.Sigbus))
            {
                end = TouchEnd.Refused; // nobody is asked
            }
            else
            {
                _pages[index].Waiting = touch;
            }
        }

        byte value = end == TouchEnd.Done && !touch.IsWrite ? _pages[index].Content!.Value : (byte)0;
        _news.Add(new TouchNews(index, touch.IsWrite, end, value));
    }

    /// <summary>What becomes of it. The kernel goes this way again and again, a step at a time, until the touch ends.</summary>
    private TouchEnd End(int index, Touch touch)
    {
        Page page = _pages[index];
        while (true)
        {
            switch (page.Entry)
            {
                case Entry.Poison:
                    return TouchEnd.Refused;

                case Entry.Page or Entry.ZeroPage when !touch.IsWrite:
                    return TouchEnd.Done; // protection concerns writing only

                // A bit that stayed behind when the range was registered without write-protection means nothing.
                case Entry.Page or Entry.ZeroPage when page is { IsProtected: true, IsBitVoid: false } && page.Has(UffdRegisterModes.WriteProtect):
                    if (!_features.HasFlag(UffdFeatures.WriteProtectAsync))
                    {
                        return TouchEnd.WaitsWriteProtect;
                    }

                    page.IsProtected = false; // the kernel takes the protection away itself: that is how writes are tracked
                    continue;

                // The zero page is replaced by a page of its own, which has no bit.
                case Entry.ZeroPage:
                    page.Put(Entry.Page);
                    continue;

                case Entry.Page:
                    page.IsBitVoid = page.IsProtected;
                    page.Content = touch.Value;
                    return TouchEnd.Done;

                // So does a marker: it goes at the first touch.
                case Entry.Marker when !page.Has(UffdRegisterModes.WriteProtect):
                    page.Put(Entry.Nothing);
                    continue;
            }

            // No page is mapped. A read of shared memory maps what it finds in the page cache around it as well.
            if (_shared && !touch.IsWrite)
            {
                MapAround(index);
                if (page.IsPresent)
                {
                    continue;
                }
            }

            bool cached = _shared && page.Content is not null;
            if (cached && page.Has(UffdRegisterModes.Minor))
            {
                return TouchEnd.WaitsMinor;
            }

            // Also where a marker is: that a write would find the page protected is told later, by a second fault.
            if (!cached && page.Has(UffdRegisterModes.Missing))
            {
                return TouchEnd.WaitsMissing;
            }

            // Nobody is asked. The page comes as if there were no userfaultfd, except that it is protected where a marker was.
            page.Put(_shared || touch.IsWrite ? Entry.Page : Entry.ZeroPage, page.Entry == Entry.Marker);
            page.Content ??= 0;
        }
    }

    /// <summary>
    /// "Fault-around", of up to 16 pages of one mapping (measured: also when the touched page itself is missing). Not where
    /// anybody wants to be told of minor faults or of writes, and never over a marker.
    /// </summary>
    private void MapAround(int index)
    {
        if (_pages[index].Has(UffdRegisterModes.Minor | UffdRegisterModes.WriteProtect))
        {
            return;
        }

        for (int other = 0; other < PageCount; other++)
        {
            Page page = _pages[other];
            if (page is { Entry: Entry.Nothing, Content: not null } && IsOneMapping(Math.Min(index, other), Math.Abs(index - other) + 1))
            {
                page.Put(Entry.Page);
            }
        }
    }

    private bool IsOneMapping(int first, int count) => _pages.AsSpan(first, count).ToArray().All(page => page.Modes == _pages[first].Modes);

    /// <summary>Who waits in the range looks again; if the page is still not to be had, that is announced anew.</summary>
    private void WakeRange(int first, int count)
    {
        for (int index = first; index < first + count; index++)
        {
            if (_pages[index].Waiting is { } touch)
            {
                _pages[index].Waiting = null;
                Go(index, touch);
            }
        }
    }

    // ---- Filling: page by page, until one cannot be filled

    /// <summary>
    /// The rules that all fills have in common. A fill that stops in the middle answers EAGAIN and how far it came, whatever
    /// the reason; the reason is the answer only when nothing was done.
    /// </summary>
    private Answer Fill(RangeOperation range, bool wake, Func<int, Errno> fillPage)
    {
        int done = 0;
        Errno errno = Errno.None;
        while (done < range.Count && errno == Errno.None)
        {
            errno = fillPage(done);
            done += errno == Errno.None ? 1 : 0;
        }

        if (wake)
        {
            WakeRange(range.First, done);
        }

        return new Answer((ulong)done * MemoryKinds.BasePage, done > 0 && errno != Errno.None ? Errno.EAGAIN : errno);
    }

    /// <summary>A fill goes into one registered mapping, registered for anything; protected pages only where that was registered.</summary>
    private Errno CheckFill(RangeOperation range, bool protect)
    {
        Page first = _pages[range.First];
        return first.Modes == UffdRegisterModes.None || !IsOneMapping(range.First, range.Count) ? Errno.ENOENT
            : protect && !first.Has(UffdRegisterModes.WriteProtect) ? Errno.EINVAL
            : Errno.None;
    }

    private Answer DoCopy(Copy copy)
    {
        bool protect = copy.Modes.HasFlag(UffdCopyModes.WriteProtect);
        if (CheckFill(copy, protect) is not Errno.None and var errno)
        {
            return new Answer(0, errno);
        }

        return Fill(copy, !copy.Modes.HasFlag(UffdCopyModes.DontWake), done =>
        {
            Page page = _pages[copy.First + done];

            // Markers are no obstacle, and poison is one of them: a copy heals it.
            if (page.IsPresent || (_shared && page.Content is not null))
            {
                return Errno.EEXIST;
            }

            page.Put(Entry.Page, KeepsProtection(page) || protect);
            page.Content = (byte)(copy.Value + done);
            return Errno.None;
        });
    }

    /// <summary>A plain copy over a write-protect marker drops the protection; ask for it again.</summary>
    protected virtual bool KeepsProtection(Page page) => false;

    private Answer DoZeroPage(ZeroPage zero)
    {
        if (CheckFill(zero, protect: false) is not Errno.None and var errno)
        {
            return new Answer(0, errno);
        }

        return Fill(zero, !zero.Modes.HasFlag(UffdZeroPageModes.DontWake), done =>
        {
            Page page = _pages[zero.First + done];

            // In private memory any marker is in the way. In shared memory this is a copy of zeros.
            if (_shared ? page.IsPresent || page.Content is not null : page.Entry != Entry.Nothing)
            {
                return Errno.EEXIST;
            }

            page.Put(_shared ? Entry.Page : Entry.ZeroPage);
            page.Content = 0;
            return Errno.None;
        });
    }

    private Answer DoContinue(Continue next)
    {
        bool protect = next.Modes.HasFlag(UffdContinueModes.WriteProtect);
        if (CheckFill(next, protect) is not Errno.None and var errno)
        {
            return new Answer(0, errno);
        }

        if (!_shared)
        {
            return new Answer(0, Errno.EINVAL);
        }

        return Fill(next, !next.Modes.HasFlag(UffdContinueModes.DontWake), done =>
        {
            Page page = _pages[next.First + done];
            if (page.Content is null)
            {
                return Errno.EFAULT;
            }

            if (page.IsPresent)
            {
                return Errno.EEXIST;
            }

            page.Put(Entry.Page, protect);
            return Errno.None;
        });
    }

    private Answer DoPoison(Poison poison)
    {
        if (CheckFill(poison, protect: false) is not Errno.None and var errno)
        {
            return new Answer(0, errno);
        }

        // Only this mapping is poisoned: the page of shared memory stays in the page cache, for others and for later.
        return Fill(poison, !poison.Modes.HasFlag(UffdPoisonModes.DontWake), done =>
        {
            Page page = _pages[poison.First + done];
            if (page.Entry != Entry.Nothing)
            {
                return Errno.EEXIST;
            }

            page.Put(Entry.Poison);
            return Errno.None;
        });
    }

    private Answer DoMove(Move move)
    {
        // The same as of a fill, with another errno; and only of private memory.
        if (_shared || CheckFill(move, protect: false) != Errno.None)
        {
            return new Answer(0, Errno.EINVAL);
        }

        return Fill(move, !move.Modes.HasFlag(UffdMoveModes.DontWake), done =>
        {
            Page page = _pages[move.First + done];
            Page source = _sources[move.Source + done];
            if (page.Entry != Entry.Nothing)
            {
                return Errno.EEXIST;
            }

            if (source.Entry == Entry.Nothing)
            {
                // A hole that is allowed counts as moved, and its destination stays missing.
                return move.Modes.HasFlag(UffdMoveModes.AllowSourceHoles) ? Errno.None : Errno.ENOENT;
            }

            page.Put(source.Entry);
            page.Content = source.Content;
            source.Put(Entry.Nothing);
            source.Content = null;
            return Errno.None;
        });
    }

    // ---- Protecting

    private Answer DoWriteProtect(WriteProtect operation)
    {
        bool protect = operation.Modes.HasFlag(UffdWriteProtectModes.Protect);
        if (protect && operation.Modes.HasFlag(UffdWriteProtectModes.DontWake))
        {
            return new Answer(0, Errno.EINVAL);
        }

        for (int index = operation.First; index < operation.First + operation.Count; index++)
        {
            // What came before in the range has been done, and nobody is woken (measured).
            if (!_pages[index].Has(UffdRegisterModes.WriteProtect))
            {
                return new Answer(0, Errno.ENOENT);
            }

            Protect(_pages[index], protect);
        }

        if (!protect && !operation.Modes.HasFlag(UffdWriteProtectModes.DontWake))
        {
            WakeRange(operation.First, operation.Count);
        }

        return new Answer((ulong)operation.Count * MemoryKinds.BasePage, Errno.None);
    }

    private void Protect(Page page, bool protect)
    {
        // Shared memory always has markers; private memory only if that was agreed, otherwise protecting nothing does nothing.
        bool markers = _shared || (_features & (UffdFeatures.WriteProtectUnpopulated | UffdFeatures.WriteProtectAsync)) != 0;
        switch (page.Entry)
        {
            case Entry.Page or Entry.ZeroPage:
                page.Put(page.Entry, protect);
                break;
            case Entry.Nothing when protect && markers:
                page.Put(Entry.Marker);
                break;
            case Entry.Marker when !protect:
                page.Put(Entry.Nothing);
                break;
        }
    }

    // ---- Discarding: nobody is woken, and no message is sent without EVENT_REMOVE

    private Answer DoDontNeed(DontNeed range)
    {
        foreach (Page page in _pages.AsSpan(range.First, range.Count))
        {
            if (_shared)
            {
                Unmap(page);
                page.Put(page.Entry == Entry.Poison ? Entry.Nothing : page.Entry);
            }
            else
            {
                page.Put(Entry.Nothing);
                page.Content = null;
            }
        }

        return Answer.Done;
    }

    /// <summary>Discards from the page cache too.</summary>
    private Answer DoRemove(Remove range)
    {
        if (!_shared)
        {
            return new Answer(0, Errno.EINVAL);
        }

        foreach (Page page in _pages.AsSpan(range.First, range.Count))
        {
            Unmap(page);
            page.Content = null; // poison stays
        }

        return Answer.Done;
    }

    /// <summary>Shared memory keeps its protection when its pages go: a marker remembers it.</summary>
    private static void Unmap(Page page)
    {
        if (page.IsPresent)
        {
            page.Put(page.IsProtected && page.Has(UffdRegisterModes.WriteProtect) ? Entry.Marker : Entry.Nothing);
        }
    }

    // ---- Registering and waking

    private Answer DoRegister(Register register)
    {
        if (register.Modes == UffdRegisterModes.None || (!_shared && register.Modes.HasFlag(UffdRegisterModes.Minor)))
        {
            return new Answer(0, Errno.EINVAL);
        }

        foreach (Page page in _pages.AsSpan(register.First, register.Count))
        {
            // Fewer modes than before change nothing. Others replace them; the bits and markers that are there stay.
            if ((page.Modes & register.Modes) != register.Modes)
            {
                page.Modes = register.Modes;
            }
        }

        return new Answer((ulong)Offered(register.Modes), Errno.None);
    }

    /// <summary>Move is offered for shared memory too, where it then fails.</summary>
    private static UffdIoctls Offered(UffdRegisterModes modes)
        => UffdIoctls.Wake | UffdIoctls.Copy | UffdIoctls.ZeroPage | UffdIoctls.Move | UffdIoctls.Poison
            | (modes.HasFlag(UffdRegisterModes.WriteProtect) ? UffdIoctls.WriteProtect : 0)
            | (modes.HasFlag(UffdRegisterModes.Minor) ? UffdIoctls.Continue : 0);

    private Answer DoUnregister(Unregister range)
    {
        var woken = new List<int>();
        for (int index = range.First; index < range.First + range.Count; index++)
        {
            Page page = _pages[index];
            if (page.Has(UffdRegisterModes.Missing))
            {
                woken.Add(index); // measured: who waits in a range without this mode is forgotten, until a Wake
            }

            if (page.Has(UffdRegisterModes.WriteProtect))
            {
                Protect(page, protect: false);
            }

            page.Modes = UffdRegisterModes.None;
        }

        foreach (int index in woken)
        {
            WakeRange(index, 1);
        }

        return new Answer((ulong)range.Count * MemoryKinds.BasePage, Errno.None);
    }

    private Answer DoWake(Wake range)
    {
        WakeRange(range.First, range.Count);
        return new Answer((ulong)range.Count * MemoryKinds.BasePage, Errno.None);
    }

    // ---- Beside the region

    private Answer DoWriteFile(int page, byte value)
    {
        if (_shared)
        {
            _pages[page].Content = value;
        }

        return Answer.Done;
    }

    private Answer DoReadSource(int page)
    {
        Page source = _sources[page];
        if (source.Entry == Entry.Nothing)
        {
            source.Put(Entry.ZeroPage);
            source.Content = 0;
        }

        return Answer.Done;
    }

    private Answer DoWriteSource(int page, byte value)
    {
        _sources[page].Put(Entry.Page);
        _sources[page].Content = value;
        return Answer.Done;
    }

    private PageView View(Page page)
        => new(
            page.IsPresent,
            page.Entry is Entry.Marker or Entry.Poison,
            page.Entry == Entry.Marker || (page.IsPresent && page.IsProtected),
            page.Entry == Entry.ZeroPage,
            page.IsPresent ? page.Content : null,
            _shared ? page.Content : null);
}
