namespace Uffd.Kernel.Tests.Model;

/// <summary>The kind of memory, and what was agreed in the handshake.</summary>
internal sealed record ModelSetup(MemoryKind Memory, UffdFeatures Features);

/// <summary>What the page table holds for a page.</summary>
internal enum Entry
{
    /// <summary>Nothing: the page is missing here. The page cache may have one all the same.</summary>
    Nothing,

    /// <summary>A marker in place of a page: whatever comes here will be write-protected.</summary>
    Marker,

    /// <summary>A marker in place of a page: who touches it gets SIGBUS.</summary>
    Poison,

    /// <summary>The one page of zeros that all private memory shares, for reading only.</summary>
    ZeroPage,

    /// <summary>A page of this mapping's own: private memory that was filled or written.</summary>
    OwnPage,

    /// <summary>The page of the page cache: of a memfd, shared, or private and not written yet.</summary>
    CachePage,
}

/// <summary>
/// A region of memory under a userfaultfd, as the kernel treats it: the executable description. Read it from the top: what a
/// page is, and what a touch does; then, in RegionModel.Operations.cs, what each operation does. It is compared with the real
/// kernel after every operation of random sequences (<see cref="ModelTests"/>). Where a comment says "measured", no manual
/// says so.
/// </summary>
internal partial class RegionModel
{
    public const int PageCount = 5;

    private readonly UffdFeatures _features;
    private readonly MemoryKind _memory;
    private readonly bool _shared;  // writes go to the page cache
    private readonly bool _cached;  // there is a page cache behind it: a memfd
    private readonly ulong _pageSize;
    private readonly Page[] _pages = [.. Enumerable.Range(0, PageCount).Select(_ => new Page())];
    private readonly Page[] _sources = [.. Enumerable.Range(0, PageCount).Select(_ => new Page())];
    private readonly List<TouchNews> _news = [];

    public RegionModel(ModelSetup setup)
    {
        _features = setup.Features;
        _memory = setup.Memory;
        _shared = setup.Memory.IsShared();
        _cached = !setup.Memory.IsAnonymous();
        _pageSize = setup.Memory.PageSize();
    }

    // ---- A page

    /// <summary>What is known of one page.</summary>
    protected sealed class Page
    {
        /// <summary>What it is registered for.</summary>
        public UffdRegisterModes Modes { get; set; }

        /// <summary>
        /// The kernel's mapping was cut in front of this page. Mappings side by side with the same modes become one again, but
        /// those of huge pages do not (measured).
        /// </summary>
        public bool IsCut { get; set; }

        /// <summary>What the page table holds.</summary>
        public Entry Entry { get; private set; }

        /// <summary>The write-protect bit beside a page.</summary>
        public bool IsProtected { get; set; }

        /// <summary>
        /// The bit says nothing: the page was written while its range was registered without write-protection, which leaves the
        /// bit in place and lets writes through from then on, also after registering for it again (measured).
        /// </summary>
        public bool IsBitVoid { get; set; }

        /// <summary>The bytes of an own page: this value in all of them.</summary>
        public byte Own { get; set; }

        /// <summary>The bytes of the page in the page cache, mapped or not; null while it has none.</summary>
        public byte? Cached { get; set; }

        /// <summary>The thread that waits for this page; one at most, so that it is certain who comes first.</summary>
        public Touch? Waiting { get; set; }

        public bool IsPresent => Entry is Entry.OwnPage or Entry.ZeroPage or Entry.CachePage;

        /// <summary>What a reader finds.</summary>
        public byte Content => Entry switch
        {
            Entry.OwnPage => Own,
            Entry.CachePage => Cached!.Value,
            _ => 0,
        };

        public bool Has(UffdRegisterModes mode) => (Modes & mode) != 0;

        /// <summary>The page table gets something else.</summary>
        public void Put(Entry entry, bool isProtected = false) => (Entry, IsProtected, IsBitVoid) = (entry, isProtected, false);

        /// <summary>The page table gets a page with this content: in the page cache, or of its own.</summary>
        public void PutPage(bool shared, byte content, bool isProtected = false)
        {
            Put(shared ? Entry.CachePage : Entry.OwnPage, isProtected);
            if (shared)
            {
                Cached = content;
            }
            else
            {
                Own = content;
            }
        }
    }

    /// <summary>A thread reads a page, or writes a value over it.</summary>
    protected sealed record Touch(bool IsWrite, byte Value);

    /// <summary>
    /// What pagemap and a look at the bytes show of it. Of huge pages pagemap does not tell that there is a marker, only
    /// whether it protects: poison cannot be seen (measured).
    /// </summary>
    private PageView View(Page page)
        => new(
            page.IsPresent,
            page.Entry is Entry.Marker or Entry.Poison && !_memory.IsHugetlb(),
            page.Entry == Entry.Marker || (page.IsPresent && page.IsProtected),
            page.Entry == Entry.ZeroPage,
            page.IsPresent ? page.Content : null,
            page.Cached);

    // ---- A touch

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

        byte value = end == TouchEnd.Done && !touch.IsWrite ? _pages[index].Content : (byte)0;
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

                case Entry.OwnPage or Entry.ZeroPage or Entry.CachePage when !touch.IsWrite:
                    return TouchEnd.Done; // protection concerns writing only

                // A bit that stayed behind when the range was registered without write-protection means nothing.
                case Entry.OwnPage or Entry.ZeroPage or Entry.CachePage
                    when page is { IsProtected: true, IsBitVoid: false } && page.Has(UffdRegisterModes.WriteProtect):
                    if (!_features.HasFlag(UffdFeatures.WriteProtectAsync))
                    {
                        return TouchEnd.WaitsWriteProtect;
                    }

                    page.IsProtected = false; // the kernel takes the protection away itself: that is how writes are tracked
                    continue;

                case Entry.OwnPage:
                case Entry.CachePage when _shared:
                    page.IsBitVoid = page.IsProtected;
                    (page.Own, page.Cached) = _shared ? (page.Own, touch.Value) : (touch.Value, page.Cached);
                    return TouchEnd.Done;

                // The first write to private memory makes a page of its own, which has no bit.
                case Entry.ZeroPage or Entry.CachePage:
                    page.PutPage(shared: false, page.Content);
                    continue;

                // A marker that stayed behind means nothing either: it goes at the first touch. That of a huge page leaves its
                // bit to the page that comes (measured).
                case Entry.Marker when !page.Has(UffdRegisterModes.WriteProtect) && !_memory.IsHugetlb():
                    page.Put(Entry.Nothing);
                    continue;
            }

            // No page is mapped. A read maps what it finds in the page cache around it as well.
            if (_cached && !touch.IsWrite)
            {
                MapAround(index);
                if (page.IsPresent)
                {
                    continue;
                }
            }

            if (page.Cached is not null && page.Has(UffdRegisterModes.Minor))
            {
                return TouchEnd.WaitsMinor;
            }

            // Also where a marker is: that a write would find the page protected is told later, by a second fault.
            if (page.Cached is null && page.Has(UffdRegisterModes.Missing))
            {
                return TouchEnd.WaitsMissing;
            }

            Populate(page, touch.IsWrite);
        }
    }

    /// <summary>Nobody is asked. The page comes as if there were no userfaultfd, except that it is protected where a marker was.</summary>
    private void Populate(Page page, bool isWrite)
    {
        bool protect = page.Entry == Entry.Marker;
        if (_cached)
        {
            page.Cached ??= 0; // also for private memory, which takes its copy from there
        }

        if (isWrite && !_shared)
        {
            page.PutPage(shared: false, page.Cached ?? 0, protect);
        }
        else
        {
            page.Put(_cached ? Entry.CachePage : Entry.ZeroPage, protect);
        }
    }

    /// <summary>
    /// "Fault-around", of up to 16 pages of one mapping (measured: also when the touched page itself is missing). Not where
    /// anybody wants to be told of minor faults or of writes, never over a marker, and not of huge pages.
    /// </summary>
    private void MapAround(int index)
    {
        if (_memory.IsHugetlb() || _pages[index].Has(UffdRegisterModes.Minor | UffdRegisterModes.WriteProtect))
        {
            return;
        }

        for (int other = 0; other < PageCount; other++)
        {
            Page page = _pages[other];
            if (page is { Entry: Entry.Nothing, Cached: not null } && IsOneMapping(Math.Min(index, other), Math.Abs(index - other) + 1))
            {
                page.Put(Entry.CachePage);
            }
        }
    }

    private bool IsOneMapping(int first, int count)
    {
        for (int index = first + 1; index < first + count; index++)
        {
            if (_pages[index].Modes != _pages[first].Modes || (_pages[index].IsCut && _memory.IsHugetlb()))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Some pages are registered otherwise now; the kernel cuts its mapping before the first and behind the last of them.</summary>
    private void SetModes(int index, UffdRegisterModes modes, RangeOperation range)
    {
        _pages[index].Modes = modes;
        _pages[index].IsCut |= index == range.First;
        if (index == range.First + range.Count - 1 && index + 1 < PageCount)
        {
            _pages[index + 1].IsCut = true;
        }
    }

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
}
