using System.Diagnostics;

namespace Uffd.Paging;

/// <summary>
/// Settles what is missing when an address space is given up, so that the close that follows cannot turn it into zeros:
/// each page is poisoned, or the process is killed.
/// </summary>
internal sealed class MissingPages
{
    private const long MostPagesAtOnce = 1 << 16;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly AddressSpace _space;
    private readonly Action _drain;
    private long _refusedSince;

    /// <param name="space">The address space.</param>
    /// <param name="drain">Reads and applies its events.</param>
    public MissingPages(AddressSpace space, Action drain)
    {
        _space = space;
        _drain = drain;
    }

    /// <returns>False when some pages could be neither poisoned nor the process killed.</returns>
    public bool Settle()
    {
        _drain();
        if (!_space.Userfaultfd.IsTargetAlive())
        {
            return true;
        }

        var shared = new SharedEnd(_space, Changes);
        shared.Bring();
        if (_space.Options.FailurePolicy == FaultFailurePolicy.Terminate)
        {
            long missing = CountMissing();
            if (missing == 0)
            {
                shared.LetGo();
                return true;
            }

            return Kill($"{missing} pages were still missing when the pager stopped") || Freeze();
        }

        // The process goes on meanwhile: where it moves its memory, the missing pages are found again in the new table.
        RegionTable table;
        do
        {
            table = _space.Table;
            foreach (RegionSlice slice in table.Slices)
            {
                if (!Poison(table, slice))
                {
                    return Kill("its missing pages cannot be poisoned") || Freeze();
                }
            }

            _drain();
        }
        while (!ReferenceEquals(table, _space.Table));
        shared.LetGo();
        return true;
    }

    private bool Poison(RegionTable table, RegionSlice slice)
    {
        PageStateMap map = slice.Map;
        for (long page = slice.FirstPage; ReferenceEquals(table, _space.Table) && (page = map.FindUnsettled(page, slice.EndPage)) < slice.EndPage;)
        {
            long end = map.FindSettled(page, Math.Min(slice.EndPage, page + MostPagesAtOnce));
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
        _refusedSince = done > 0 ? 0 : _refusedSince;
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
                // An event came meanwhile, and we are who reads it.
                possible = Changes();
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

    /// <returns>False when the address space has been changing for so long that it will not come to an end.</returns>
    private bool Changes()
    {
        _drain();
        _refusedSince = _refusedSince == 0 ? Stopwatch.GetTimestamp() : _refusedSince;
        Thread.Sleep(Stopwatch.GetElapsedTime(_refusedSince) < TimeSpan.FromMilliseconds(10) ? 0 : 1);
        return Stopwatch.GetElapsedTime(_refusedSince) < Patience;
    }

    private long CountMissing() => _space.Table.Slices.Sum(slice => slice.Map.CountUnsettled(slice.FirstPage, slice.EndPage));

    private void Record(RegionSlice slice, long page, long count, PageState state)
    {
        slice.Map.ExchangeAll(page, page + count, state);
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

        // The close that follows makes zeros of what is missing: not before the last thread is out of its system calls.
        return killed && SpinWait.SpinUntil(() => !_space.Userfaultfd.IsTargetAlive(), Patience);
    }

    private bool Freeze()
    {
        _space.Notify(
            PagerNoticeKind.FaultFrozen,
            "missing pages can be neither poisoned (Linux 6.6) nor the process killed: threads that touch them wait until this process ends");
        return false;
    }
}
