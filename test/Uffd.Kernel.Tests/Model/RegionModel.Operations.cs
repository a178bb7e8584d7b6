namespace Uffd.Kernel.Tests.Model;

/// <content>What each operation does, and answers.</content>
internal partial class RegionModel
{
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

    // ---- Filling: page by page, until one cannot be filled

    /// <summary>
    /// The rules that all fills have in common. A fill that stops in the middle answers EAGAIN and how far it came, whatever
    /// the reason; the reason is the answer only when nothing was done. Who waits for what was done is woken.
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

        return new Answer((ulong)done * _pageSize, done > 0 && errno != Errno.None ? Errno.EAGAIN : errno);
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
            if (page.IsPresent || (_shared && page.Cached is not null))
            {
                return Errno.EEXIST;
            }

            page.PutPage(_shared, (byte)(copy.Value + done), KeepsProtection(page) || protect);
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

        if (_memory.IsHugetlb())
        {
            return new Answer(0, Errno.EINVAL);
        }

        return Fill(zero, !zero.Modes.HasFlag(UffdZeroPageModes.DontWake), done =>
        {
            Page page = _pages[zero.First + done];
            if (_shared)
            {
                // A copy of zeros, by the same rules.
                if (page.IsPresent || page.Cached is not null)
                {
                    return Errno.EEXIST;
                }

                page.PutPage(shared: true, 0);
                return Errno.None;
            }

            if (page.Entry != Entry.Nothing)
            {
                return Errno.EEXIST; // here markers are in the way
            }

            page.Put(Entry.ZeroPage);
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

        if (!_cached)
        {
            return new Answer(0, Errno.EINVAL);
        }

        return Fill(next, !next.Modes.HasFlag(UffdContinueModes.DontWake), done =>
        {
            Page page = _pages[next.First + done];
            if (page.Cached is null)
            {
                return Errno.EFAULT;
            }

            if (page.IsPresent)
            {
                return Errno.EEXIST;
            }

            page.Put(Entry.CachePage, protect);
            return Errno.None;
        });
    }

    private Answer DoPoison(Poison poison)
    {
        if (CheckFill(poison, protect: false) is not Errno.None and var errno)
        {
            return new Answer(0, errno);
        }

        // Only this mapping is poisoned: what is in the page cache stays there, for others and for later.
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
        // The same as of a fill, with another errno; and only of private anonymous memory.
        if (_cached || CheckFill(move, protect: false) != Errno.None)
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
            page.Own = source.Own;
            source.Put(Entry.Nothing);
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

        return new Answer((ulong)operation.Count * _pageSize, Errno.None);
    }

    private void Protect(Page page, bool protect)
    {
        // Memory with a page cache always has markers. Anonymous memory has them only if that was agreed; otherwise protecting
        // an absent page does nothing.
        bool markers = _cached || (_features & (UffdFeatures.WriteProtectUnpopulated | UffdFeatures.WriteProtectAsync)) != 0;
        switch (page.Entry)
        {
            case Entry.OwnPage or Entry.ZeroPage or Entry.CachePage:
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
            if (!_cached || page.Entry == Entry.Poison)
            {
                page.Put(Entry.Nothing); // with the protection of anonymous memory
            }

            Unmap(page);
        }

        return Answer.Done;
    }

    /// <summary>Discards from the page cache.</summary>
    private Answer DoRemove(Remove range)
    {
        if (!_shared)
        {
            return new Answer(0, _cached ? Errno.EACCES : Errno.EINVAL);
        }

        foreach (Page page in _pages.AsSpan(range.First, range.Count))
        {
            if (page.Entry == Entry.Poison && _memory.IsHugetlb())
            {
                page.Put(Entry.Nothing); // of base pages the poison stays (measured)
            }

            Unmap(page);
            page.Cached = null;
        }

        return Answer.Done;
    }

    /// <summary>
    /// Memory with a page cache keeps its protection when its pages go: a marker remembers it, of huge pages also a bit that
    /// stayed behind (measured).
    /// </summary>
    private void Unmap(Page page)
    {
        if (page.IsPresent)
        {
            bool remembers = page.Has(UffdRegisterModes.WriteProtect) || _memory.IsHugetlb();
            page.Put(page.IsProtected && remembers ? Entry.Marker : Entry.Nothing);
        }
    }

    // ---- Registering and waking

    private Answer DoRegister(Register register)
    {
        if (register.Modes == UffdRegisterModes.None || (!_cached && register.Modes.HasFlag(UffdRegisterModes.Minor)))
        {
            return new Answer(0, Errno.EINVAL);
        }

        // Linux 7.3 refuses to leave bits and markers behind without the mode that gives them their meaning.
        bool leavesBits = !register.Modes.HasFlag(UffdRegisterModes.WriteProtect)
            && _pages[register.First..(register.First + register.Count)].Any(page => page.Has(UffdRegisterModes.WriteProtect));
        if (leavesBits && Requires.IsLinux(7, 3))
        {
            return new Answer(0, Errno.EBUSY);
        }

        for (int index = register.First; index < register.First + register.Count; index++)
        {
            // Fewer modes than before change nothing. Others replace them; the bits and markers that are there stay.
            if ((_pages[index].Modes & register.Modes) != register.Modes)
            {
                SetModes(index, register.Modes, register);
            }
        }

        return new Answer((ulong)Offered(register.Modes), Errno.None);
    }

    /// <summary>Move is offered for shared memory too, where it then fails.</summary>
    private UffdIoctls Offered(UffdRegisterModes modes)
        => UffdIoctls.Wake | UffdIoctls.Copy | UffdIoctls.Poison
            | (_memory.IsHugetlb() ? 0 : UffdIoctls.ZeroPage | UffdIoctls.Move)
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

            if (page.Modes != UffdRegisterModes.None)
            {
                SetModes(index, UffdRegisterModes.None, range);
            }
        }

        foreach (int index in woken)
        {
            WakeRange(index, 1);
        }

        return new Answer((ulong)range.Count * _pageSize, Errno.None);
    }

    private Answer DoWake(Wake range)
    {
        WakeRange(range.First, range.Count);
        return new Answer((ulong)range.Count * _pageSize, Errno.None);
    }

    // ---- Beside the region

    private Answer DoWriteFile(int page, byte value)
    {
        _pages[page].Cached = _cached ? value : null;
        return Answer.Done;
    }

    private Answer DoReadSource(int page)
    {
        if (_sources[page].Entry == Entry.Nothing)
        {
            _sources[page].Put(Entry.ZeroPage);
        }

        return Answer.Done;
    }

    private Answer DoWriteSource(int page, byte value)
    {
        _sources[page].PutPage(shared: false, value);
        return Answer.Done;
    }
}
