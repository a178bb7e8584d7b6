namespace Uffd.Paging;

/// <content>Bringing more than the faulted page, where its source is quick.</content>
internal sealed partial class FaultLoop
{
    /// <summary>How much is installed in one step: what a fault that comes meanwhile waits for.</summary>
    private const ulong StepBytes = 64 << 10;

    private readonly ReadAhead _readAhead;
    private readonly AheadQueue _ahead = new();

    /// <summary>
    /// What to bring with a page: the run of pages that its thread goes on to, if it goes through the memory in order. Where the
    /// background fill runs, at least the block around it: all of that will be brought anyway, and the faulting thread's CPU is idle.
    /// </summary>
    private AheadPlan PlanAround(RegionSlice slice, long page, int thread)
    {
        AheadPlan plan = _readAhead.Plan(slice, page, thread);
        long block = Claims.PagesOf(slice, StepBytes);
        return plan.Pages < block && _space.BringsAll
            ? new AheadPlan(page - ((page - slice.FirstPage) % block), (int)block)
            : plan;
    }

    /// <summary>
    /// Fills a claimed page and plans the rest. Where the faulting thread goes on in order, its next pages come in the same call, for
    /// it would wait for them at once; else the page comes first, alone.
    /// </summary>
    private bool FillAround(RegionSlice slice, long page, AheadPlan plan, int attempts)
    {
        if (plan.Pages == 1)
        {
            return FillAlone(slice, page, attempts);
        }

        long planned = Math.Min(plan.First + plan.Pages, slice.EndPage);
        long block = Claims.PagesOf(slice, StepBytes);
        long first = page;
        long end = page + 1;
        if (plan.First == page)
        {
            end += Claims.TryClaim(slice.Map, end, Math.Min(planned, page + block));
        }
        else if (planned == end)
        {
            first -= Claims.TryClaimBelow(slice.Map, page, Math.Max(plan.First, end - block));
        }

        bool alive = FillRun(slice, page, first, end, attempts);
        _ahead.Add(slice, plan.First, first);
        _ahead.Add(slice, end, planned);
        return alive;
    }

    /// <summary>Fills claimed pages, one of which a fault waits for.</summary>
    private bool FillRun(RegionSlice slice, long page, long first, long end, int attempts)
    {
        FillOutcome outcome = _filler.Fill(slice, first, (int)(end - first), FillKind.Demand, page);
        long failed = first + outcome.Pages;
        if (outcome.Status == FillStatus.Done)
        {
            return true;
        }

        if (page < failed)
        {
            Claims.Release(_space, slice.Map, failed, end - failed);
            return outcome.Status != FillStatus.TargetGone;
        }

        Claims.Release(_space, slice.Map, failed, page - failed);
        Claims.Release(_space, slice.Map, page + 1, end - page - 1);
        return page == failed ? NotFilled(slice, page, attempts, outcome) : FillAlone(slice, page, attempts);
    }

    /// <summary>Brings the next step of what was planned, when no fault waits.</summary>
    /// <returns>False when the process is gone.</returns>
    private bool ServeAhead()
    {
        int claimed = _ahead.Claim(StepBytes, out RegionSlice? slice, out long page);
        if (claimed == 0)
        {
            return true;
        }

        FillOutcome outcome = _filler.Fill(slice!, page, claimed, FillKind.ReadAhead);
        Claims.Release(_space, slice!.Map, page + outcome.Pages, claimed - outcome.Pages);
        if (outcome.Status != FillStatus.Done)
        {
            _ahead.Clear(); // nobody waits for it, and what failed fails the next step too; a fault asks again
        }

        return outcome.Status != FillStatus.TargetGone;
    }
}
