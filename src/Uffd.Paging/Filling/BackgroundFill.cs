using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging;

/// <summary>
/// The thread that brings what nobody has touched yet, in order of address, a run at a time, behind the faults. A page whose
/// source fails is left missing and tried again later; only a fault that waits for it applies the failure policy.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "its thread disposes what it uses, last")]
internal sealed class BackgroundFill
{
    /// <summary>How much is claimed and installed at once.</summary>
    public const ulong RunBytes = 64 << 10;
    private const int Niceness = 5;
    private const int MaxStackBytes = 256 << 10;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly AddressSpace _space;
    private readonly PageFiller _filler;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _stop = new();
    private bool _failed;

    public BackgroundFill(AddressSpace space)
    {
        _space = space;
        _filler = new PageFiller(space, space.Gate, background: true);
        _thread = new Thread(Run, MaxStackBytes) { IsBackground = true, Name = $"uffd-fill-{space.Id}" };
    }

    public void Start() => _thread.Start();

    /// <summary>Asks it to end and waits.</summary>
    /// <returns>False when it did not end in time: it is inside a source.</returns>
    public bool Stop(TimeSpan timeout)
    {
        _stop.Set();
        return _thread.Join(timeout);
    }

    private void Run()
    {
        // With a CPU to itself there is nothing to give way with; on a single one the scheduler is told who goes first. Measured: on
        // several CPUs a lower priority gains the faults nothing, and a busy machine starves the fill.
        if (Environment.ProcessorCount == 1)
        {
            CurrentThread.TrySetNiceness(Niceness);
        }

        try
        {
            TimeSpan pause = FirstPause;
            while (!_stop.IsSet && _space.PendingPages > 0)
            {
                _failed = false;
                if (!TryPassOverAll())
                {
                    _space.ReportGone();
                    return;
                }

                if (_failed || _space.PendingPages > 0)
                {
                    // What is left failed, or is parked for a fault that waits: the fault loop has it in hand.
                    _stop.Wait(pause);
                    pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
                }
            }
        }
        finally
        {
            _filler.Dispose();
            _space.ReleaseMap();
        }
    }

    /// <summary>A pass that throws is a pass that failed: the next one comes after the pause.</summary>
    private bool TryPassOverAll()
    {
        try
        {
            return PassOverAll();
        }
        catch (Exception exception)
        {
            if (!_stop.IsSet)
            {
                _space.Notify(PagerNoticeKind.SourceFailed, $"a pass of the background fill ended early: {exception.Message}; it goes on later");
            }

            return true;
        }
    }

    /// <returns>False when the process is gone.</returns>
    private bool PassOverAll()
    {
        // The table may be replaced meanwhile; what moved is found again by the next pass.
        foreach (RegionSlice slice in _space.Table.Slices)
        {
            long page = slice.FirstPage;
            while (!_stop.IsSet && (page = slice.Map.Find(PageState.Missing, page, slice.EndPage)) < slice.EndPage)
            {
                int claimed = Claim(slice, page);
                FillOutcome outcome = claimed == 0 ? FillOutcome.Done(1) : Fill(slice, page, claimed);
                if (outcome.Status == FillStatus.TargetGone)
                {
                    return false;
                }

                page += outcome.Pages;
                Release(slice, page, claimed - outcome.Pages);
                switch (outcome.Status)
                {
                    case FillStatus.Again:
                        _stop.Wait(1); // an event is unread: the fault loop is about to read it
                        break;
                    case FillStatus.SourceFailed or FillStatus.Refused:
                        NoteFailure(slice, page, outcome.Reason!);
                        page++;
                        break;
                    default:
                        break;
                }
            }
        }

        return true;
    }

    private FillOutcome Fill(RegionSlice slice, long page, int claimed)
    {
        try
        {
            return _filler.Fill(slice, page, claimed);
        }
        catch
        {
            Release(slice, page, claimed); // a claim that nobody holds would make a fault wait for ever
            throw;
        }
    }

    private static int Claim(RegionSlice slice, long page)
    {
        int limit = (int)Math.Min(Math.Max(1, (long)(RunBytes >> slice.PageShift)), slice.EndPage - page);
        int claimed = 0;
        while (claimed < limit && slice.Map.TryChange(page + claimed, PageState.Missing, PageState.Filling))
        {
            claimed++;
        }

        return claimed;
    }

    /// <summary>Gives claims back. A fault that came to wait for one of them is handed to the fault loop.</summary>
    private void Release(RegionSlice slice, long page, int count)
    {
        for (int index = 0; index < count; index++)
        {
            if (slice.Map.TryChange(page + index, PageState.Filling, PageState.Missing))
            {
                continue;
            }

            if (slice.Map.TryChange(page + index, PageState.FillingWanted, PageState.Missing))
            {
                _space.Inbox.Enqueue(new PageKey(slice.Map, page + index));
                _space.WakeLoop();
            }
        }
    }

    private void NoteFailure(RegionSlice slice, long page, string reason)
    {
        if (!_failed)
        {
            _space.Notify(PagerNoticeKind.SourceFailed, $"page {slice.AddressOf(page):x}: {reason}; the background fill goes on with the rest");
        }

        _failed = true;
    }
}
