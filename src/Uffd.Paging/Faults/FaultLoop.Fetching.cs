using System.Collections.Concurrent;

namespace Uffd.Paging;

/// <content>
/// Pages of sources that take their time: asked for here, installed here when they have come, so that no fault waits behind
/// another's read.
/// </content>
internal sealed partial class FaultLoop : IFetchSink
{
    private readonly ConcurrentQueue<Fetch> _fetched = new();
    private readonly List<Fetch> _installAgain = [];

    /// <summary>Called on any thread.</summary>
    void IFetchSink.Completed(Fetch fetch)
    {
        _space.Counters.MeasureSource(fetch);
        _fetched.Enqueue(fetch);
        Wake();
    }

    /// <summary>Asks for a claimed page, and for what is worth bringing with it.</summary>
    private bool FetchAround(RegionSlice slice, long page, AheadPlan plan, int attempts)
    {
        SourceRun run;
        try
        {
            run = SourceRuns.GetWholePages(slice, page, (int)(Math.Min(plan.First + plan.Pages, slice.EndPage) - page));
        }
        catch (Exception exception)
        {
            SpaceCounters.Add(ref _space.Counters.SourceFailures);
            return FailOnDemand(slice, page, attempts, exception.Message);
        }

        if (run.Kind != SourceRunKind.Data)
        {
            return FillAround(slice, page, new AheadPlan(page, 1), attempts); // nothing to read
        }

        // One read brings the page and its neighbours of the same extent: the wait is the same.
        long most = Claims.PagesOf(slice, StepBytes);
        long end = page + 1;
        end += Claims.TryClaim(slice.Map, end, page + Math.Min((long)(run.Length >> slice.PageShift), most));
        long first = page - ClaimBelow(slice, page, Math.Max(plan.First, end - most));
        slice.Map.TryChange(page, PageState.Filling, PageState.FillingWanted); // if it is discarded meanwhile, the fault must be served anew
        Submit(new Fetch(slice, first, (int)(end - first), FillKind.Demand, this)
        {
            DemandPage = page,
            Attempts = attempts,
            FaultRead = _parked.ReadTimestamp,
        });
        FetchAhead(slice, end, plan.First + plan.Pages);
        return true;
    }

    private static int ClaimBelow(RegionSlice slice, long page, long first)
    {
        if (first >= page)
        {
            return 0;
        }

        try
        {
            SourceRun run = SourceRuns.GetWholePages(slice, first, (int)(page - first));
            return run.Kind == SourceRunKind.Data && (long)(run.Length >> slice.PageShift) >= page - first
                ? Claims.TryClaimBelow(slice.Map, page, first)
                : 0;
        }
        catch (Exception)
        {
            return 0; // who needs those pages will be told
        }
    }

    /// <summary>Asks for the rest of a plan at once: the source answers many reads as soon as one.</summary>
    private void FetchAhead(RegionSlice slice, long page, long end)
    {
        end = Math.Min(end, slice.EndPage);
        while (page < end)
        {
            SourceRun run;
            try
            {
                run = SourceRuns.GetWholePages(slice, page, (int)Math.Min(end - page, Claims.PagesOf(slice, StepBytes)));
            }
            catch (Exception)
            {
                return; // who needs those pages will be told
            }

            long runEnd = Math.Min(end, page + Math.Max(1, (long)(run.Length >> slice.PageShift)));
            if (run.Kind != SourceRunKind.Data)
            {
                _ahead.Add(slice, page, runEnd);
            }
            else if (Claims.TryClaim(slice.Map, page, runEnd) is > 0 and int claimed)
            {
                Submit(new Fetch(slice, page, claimed, FillKind.ReadAhead, this));
            }

            page = runEnd;
        }
    }

    private void Submit(Fetch fetch)
    {
        _asksSlowSource = true;
        SourceQueue.Of(fetch.Slice.Source).Submit(fetch, _space.Options.SourceTimeout, _space.Ending);
    }

    /// <summary>Installs what has come.</summary>
    /// <param name="more">Set if something had.</param>
    /// <returns>False when the process is gone.</returns>
    private bool ServeFetched(ref bool more)
    {
        bool alive = true;
        int again = _installAgain.Count;
        for (int index = 0; index < again; index++)
        {
            alive &= InstallFetched(_installAgain[index]);
        }

        _installAgain.RemoveRange(0, again);
        while (_fetched.TryDequeue(out Fetch? fetch))
        {
            alive &= InstallFetched(fetch);
            _asksSlowSource = true;
            more = true; // answers come in company: look again before sleeping
        }

        return alive;
    }

    private bool InstallFetched(Fetch fetch)
    {
        PageStateMap map = fetch.Slice.Map;
        FillOutcome outcome = fetch.Error is null ? _filler.Install(fetch) : FailFetch(fetch);
        fetch.Skip(outcome.Pages);
        if (outcome.Status == FillStatus.Again)
        {
            _installAgain.Add(fetch); // its events first; what was read is kept
            return true;
        }

        SourceQueue.Of(fetch.Slice.Source).Return(fetch);
        long page = fetch.DemandPage;
        long end = fetch.FirstPage + fetch.Pages;
        if (page < fetch.FirstPage || page >= end)
        {
            Claims.Release(_space, map, fetch.FirstPage, fetch.Pages);
            return outcome.Status != FillStatus.TargetGone;
        }

        Claims.Release(_space, map, fetch.FirstPage, page - fetch.FirstPage);
        Claims.Release(_space, map, page + 1, end - page - 1);
        if (outcome.Status == FillStatus.TargetGone)
        {
            return false;
        }

        _parked.ReadTimestamp = fetch.FaultRead;

        // Where it was discarded or unmapped meanwhile, it is nobody's failure any more.
        return map[page] is not (PageState.Filling or PageState.FillingWanted) || FailOnDemand(fetch.Slice, page, fetch.Attempts, outcome.Reason!);
    }

    private FillOutcome FailFetch(Fetch fetch)
    {
        SpaceCounters.Add(ref _space.Counters.SourceFailures);
        return new FillOutcome(0, FillStatus.SourceFailed, fetch.Error);
    }
}
