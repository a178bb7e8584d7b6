namespace Uffd.Paging;

/// <summary>
/// Settles what is missing when an address space is given up, so that the close that follows cannot turn it into zeros:
/// each page is poisoned, or the process is killed.
/// </summary>
internal sealed class MissingPages
{
    private readonly AddressSpace _space;

    public MissingPages(AddressSpace space) => _space = space;

    /// <returns>False when some pages could be neither poisoned nor the process killed.</returns>
    public bool Settle()
    {
        long pending = _space.PendingPages;
        if (pending <= 0 || !_space.Userfaultfd.IsTargetAlive())
        {
            return true;
        }

        if (_space.Options.FailurePolicy == FaultFailurePolicy.Terminate)
        {
            return Kill($"{pending} pages were still missing when the pager stopped");
        }

        foreach (RegionSlice slice in _space.Table.Slices)
        {
            if (!Poison(slice))
            {
                return Kill("its missing pages cannot be poisoned on this kernel (Linux 6.6 can)")
                    || Freeze();
            }
        }

        return true;
    }

    private bool Poison(RegionSlice slice)
    {
        PageStateMap map = slice.Map;
        for (long page = slice.FirstPage; page < slice.EndPage;)
        {
            if (!IsUnsettled(map[page]))
            {
                page++;
                continue;
            }

            long end = page + 1;
            while (end < slice.EndPage && end - page < 1 << 16 && IsUnsettled(map[end]))
            {
                end++;
            }

            page = PoisonRun(slice, page, end, out bool possible);
            if (!possible)
            {
                return false;
            }
        }

        return true;
    }

    /// <returns>The first page that is not settled by this step.</returns>
    private long PoisonRun(RegionSlice slice, long page, long end, out bool possible)
    {
        UffdResult result = _space.Userfaultfd.PoisonAll(slice.RangeOf(page, (int)(end - page)));
        long done = (long)(result.Bytes >> slice.PageShift);
        Record(slice, page, done, PageState.Poisoned);
        page += done;
        possible = true;
        switch (result.Errno)
        {
            case Errno.EEXIST:
                Record(slice, page, 1, PageState.Present);
                _space.Userfaultfd.Wake(slice.RangeOf(page, 1));
                return page + 1;
            case Errno.ENOENT when end - page > 1: // crosses mappings: page by page
                return PoisonRun(slice, page, page + 1, out possible);
            case Errno.ENOENT:
                Record(slice, page, 1, PageState.Unregistered);
                return page + 1;
            case Errno.EAGAIN or Errno.EINTR:
                // An event came meanwhile; somebody must read it. The last read of the fault loop is behind us, so read here.
                DrainEvents();
                return page;
            case Errno.None:
                return page;
            case Errno.ESRCH:
                return end;
            default:
                possible = false;
                return page;
        }
    }

    /// <summary>Reads events only so that the process goes on: what it discards or moves now is poisoned or gone anyway.</summary>
    private void DrainEvents()
    {
        using var reader = new UffdEventReader(_space.Userfaultfd);
        while (reader.Read() > 0)
        {
            for (int index = 0; index < reader.Count; index++)
            {
                if (reader[index].Kind == UffdEventKind.Fork)
                {
                    PoisonChild(reader[index].Forked);
                }
            }
        }

        Thread.Yield();
    }

    /// <summary>A child forked in the last moment: its missing pages are poisoned like its parent's.</summary>
    private void PoisonChild(Userfaultfd child)
    {
        foreach (RegionSlice slice in _space.Table.Slices)
        {
            AddressRange rest = slice.Range;
            while (!rest.IsEmpty)
            {
                UffdResult result = child.PoisonAll(rest);
                rest = rest.Skip(result.Bytes);
                if (result.Errno is Errno.EEXIST or Errno.ENOENT && !rest.IsEmpty)
                {
                    rest = rest.Skip(slice.PageSize);
                }
                else if (!result.IsComplete && result.Errno != Errno.EAGAIN)
                {
                    break;
                }
            }
        }

        child.Dispose();
    }

    private void Record(RegionSlice slice, long page, long count, PageState state)
    {
        for (long index = 0; index < count; index++)
        {
            slice.Map.Exchange(page + index, state);
        }

        if (state == PageState.Poisoned)
        {
            SpaceCounters.Add(ref _space.Counters.PoisonedPages, count);
        }

        _space.Settled(count);
    }

    private bool Kill(string why)
    {
        ProcessHandle? process = _space.Options.TargetProcess;
        if (process is null)
        {
            return false;
        }

        Errno errno = process.Kill();
        bool killed = errno is Errno.None or Errno.ESRCH;
        _space.Notify(
            killed ? PagerNoticeKind.TargetKilled : PagerNoticeKind.FaultFrozen,
            killed ? $"process {process.ProcessId} was killed: {why}" : $"process {process.ProcessId} could not be killed: {UffdException.Describe(errno)}");
        return killed;
    }

    private bool Freeze()
    {
        _space.Notify(
            PagerNoticeKind.FaultFrozen,
            "missing pages can be neither poisoned (Linux 6.6) nor the process killed: threads that touch them wait until this process ends");
        return false;
    }

    private static bool IsUnsettled(PageState state)
        => state is PageState.Missing or PageState.Filling or PageState.FillingWanted or PageState.Parked;
}
