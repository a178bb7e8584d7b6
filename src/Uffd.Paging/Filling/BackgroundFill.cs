using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging;

/// <summary>
/// A thread that brings what no fault waits for, a run at a time, behind the faults. A page whose source fails is left missing and
/// tried again later; only a fault that waits for it applies the failure policy.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "its thread disposes what it uses, last")]
internal sealed class BackgroundFill : IFetchSink
{
    /// <summary>How much is claimed and installed at once.</summary>
    public const ulong RunBytes = 64 << 10;

    /// <summary>The same, where each run is a message over a network: larger, because each costs.</summary>
    public const ulong RemoteRunBytes = 256 << 10;

    private const int Niceness = 5;
    private const int MaxStackBytes = 256 << 10;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan EventPause = TimeSpan.FromMilliseconds(1);

    private readonly AddressSpace _space;
    private readonly IFillOrder _order;
    private readonly Action? _ended;
    private readonly PageFiller _filler;
    private readonly RateLimit _rate;
    private readonly bool _isRemote;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _signal = new(); // something has come, or it is to stop
    private readonly ConcurrentQueue<Fetch> _fetched = new();
    private volatile bool _stopping;
    private int _underway;              // reads that were asked for and not installed yet
    private int _limit = int.MaxValue;  // as many as the source answers at once
    private bool _failed;
    private long _pendingWhenBusy; // as many were still to come when the last run was busy

    /// <param name="space">The address space.</param>
    /// <param name="order">What to bring.</param>
    /// <param name="bytesPerSecond">How much; 0 for as much as it can.</param>
    /// <param name="ended">Called on its thread when it ends, for whatever reason.</param>
    public BackgroundFill(AddressSpace space, IFillOrder order, ulong bytesPerSecond, Action? ended = null)
    {
        _space = space;
        _order = order;
        _ended = ended;
        _filler = new PageFiller(space, space.Gate);
        _rate = new RateLimit(bytesPerSecond);
        _isRemote = space.Table.Slices.Any(slice => slice.Source is IPrioritizedPageSource);
        _thread = new Thread(Run, MaxStackBytes) { IsBackground = true, Name = $"uffd-fill-{space.Id}" };
    }

    public void Start() => _thread.Start();

    /// <summary>Asks it to end and waits.</summary>
    /// <returns>False when it did not end in time: it is inside a source.</returns>
    public bool Stop(TimeSpan timeout)
    {
        _stopping = true;
        _signal.Set();
        return _thread == Thread.CurrentThread || _thread.Join(timeout);
    }

    /// <summary>Called on any thread.</summary>
    void IFetchSink.Completed(Fetch fetch)
    {
        _space.Counters.MeasureSource(fetch);
        _fetched.Enqueue(fetch);
        _signal.Set();
    }

    private void Run()
    {
        ThreadPlacement.Apply(_space);

        // With a CPU to itself there is nothing to give way with; on a single one the scheduler is told who goes first. Measured: on
        // several CPUs a lower priority gains the faults nothing, and a busy machine starves the fill.
        if (Environment.ProcessorCount == 1 || _space.Options.Cpus is { Count: 1 })
        {
            CurrentThread.TrySetNiceness(Niceness);
        }

        try
        {
            RunPasses();
        }
        finally
        {
            _ended?.Invoke();
            _filler.Dispose();
            _space.ReleaseMap();
        }
    }

    private void RunPasses()
    {
        TimeSpan pause = FirstPause;
        while (!_stopping && _space.PendingPages > 0)
        {
            _failed = false;
            if (!TryPass())
            {
                _space.ReportGone();
                return;
            }

            if (!_order.TryStartPass())
            {
                return;
            }

            if (_space.PendingPages > 0)
            {
                // What is left failed, or is parked for a fault that waits: the fault loop has it in hand.
                Pause(pause);
                pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
            }
        }
    }

    /// <summary>A pass that throws is a pass that failed: the next one comes after the pause.</summary>
    private bool TryPass()
    {
        try
        {
            return Pass();
        }
        catch (Exception exception)
        {
            if (!_stopping)
            {
                _space.Notify(PagerNoticeKind.SourceFailed, $"a pass of the background fill ended early: {exception.Message}; it goes on later");
            }

            return true;
        }
    }

    /// <returns>False when the process is gone.</returns>
    private bool Pass()
    {
        bool more = true;
        while (!_stopping && (more || _underway > 0))
        {
            _signal.Reset();
            if (!InstallFetched())
            {
                return false;
            }

            TimeSpan early = _rate.Wait(Stopwatch.GetTimestamp());
            if (early > TimeSpan.Zero)
            {
                Wait(early);
            }
            else if (_underway >= _limit || !more)
            {
                Wait(Timeout.InfiniteTimeSpan);
            }
            else if (more = _order.TryTake(_isRemote ? RemoteRunBytes : RunBytes, out ClaimedRun run))
            {
                if (!Bring(run))
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>Waits until it is to stop or a read has ended, at most so long.</summary>
    private void Pause(TimeSpan time)
    {
        _signal.Reset();
        if (!_stopping)
        {
            _signal.Wait(time);
        }
    }

    /// <summary>Waits for a read to end, at most so long. A signal since the last reset is not lost.</summary>
    private void Wait(TimeSpan time)
    {
        if (_fetched.IsEmpty && !_stopping)
        {
            _signal.Wait(time);
        }
    }

    /// <returns>False when the process is gone.</returns>
    private bool Bring(ClaimedRun run)
    {
        try
        {
            return run.Slice.IsQuick ? Fill(run) : Ask(run);
        }
        catch
        {
            Claims.Release(_space, run.Slice.Map, run.Page, run.Count); // a claim that nobody holds would make a fault wait for ever
            throw;
        }
    }

    /// <summary>From a source that is quick.</summary>
    private bool Fill(ClaimedRun run)
    {
        _rate.Take((long)run.Count << run.Slice.PageShift, Stopwatch.GetTimestamp());
        FillOutcome outcome = _filler.Fill(run.Slice, run.Page, run.Count, _order.Kind);
        if (outcome.Status == FillStatus.TargetGone)
        {
            return false;
        }

        long failed = run.Page + outcome.Pages;
        Claims.Release(_space, run.Slice.Map, failed, run.Count - outcome.Pages);
        switch (outcome.Status)
        {
            case FillStatus.Again:
                Pause(EventPause); // an event is unread: the fault loop is about to read it
                break;
            case FillStatus.Busy:
                WaitForOthers(outcome.BusyPages);
                break;
            case FillStatus.SourceFailed or FillStatus.Refused:
                NoteFailure(run.Slice, failed, outcome.Reason!);
                break;
            default:
                break;
        }

        return true;
    }

    /// <summary>Others are bringing these pages to their shared image, for us too: goes on elsewhere, and waits only where that led nowhere.</summary>
    private void WaitForOthers(int pages)
    {
        if (pages == 0 || _pendingWhenBusy == _space.PendingPages)
        {
            Wait(EventPause);
        }

        _pendingWhenBusy = _space.PendingPages;
    }

    /// <summary>From a source that takes its time: asks, and installs it when it comes.</summary>
    private bool Ask(ClaimedRun run)
    {
        while (run.Count > 0)
        {
            SourceRun known;
            try
            {
                known = SourceRuns.GetWholePages(run.Slice, run.Page, run.Count);
            }
            catch (Exception exception)
            {
                SpaceCounters.Add(ref _space.Counters.SourceFailures);
                Claims.Release(_space, run.Slice.Map, run.Page, run.Count);
                NoteFailure(run.Slice, run.Page, exception.Message);
                return true;
            }

            ClaimedRun part = run with { Count = (int)Math.Min((ulong)run.Count, known.Length >> run.Slice.PageShift) };
            run = run with { Page = run.Page + part.Count, Count = run.Count - part.Count };
            if (known.Kind == SourceRunKind.Data)
            {
                Submit(part);
            }
            else if (!Fill(part))
            {
                return false;
            }
        }

        return true;
    }

    private void Submit(ClaimedRun run)
    {
        SourceQueue queue = SourceQueue.Of(run.Slice.Source);
        _limit = queue.AheadLimit;
        _underway++;
        _rate.Take((long)run.Count << run.Slice.PageShift, Stopwatch.GetTimestamp());
        queue.Submit(
            new Fetch(run.Slice, run.Page, run.Count, _order.Kind, this),
            _space.Options.SourceTimeout,
            _space.Ending);
    }

    /// <returns>False when the process is gone.</returns>
    private bool InstallFetched()
    {
        while (_fetched.TryDequeue(out Fetch? fetch))
        {
            FillOutcome outcome;
            while ((outcome = fetch.Error is null ? _filler.Install(fetch) : Fail(fetch)).Status == FillStatus.Again && !_stopping)
            {
                fetch.Skip(outcome.Pages);
                Pause(EventPause); // as in Fill
            }

            fetch.Skip(outcome.Pages);
            SourceQueue.Of(fetch.Slice.Source).Return(fetch);
            _underway--;
            if (outcome.Status == FillStatus.TargetGone)
            {
                return false;
            }

            if (fetch.Error is not null && fetch.Pages > 1)
            {
                // Find out which page it is.
                for (int index = 0; index < fetch.Pages; index++)
                {
                    Submit(new ClaimedRun(fetch.Slice, fetch.FirstPage + index, 1));
                }
            }
            else
            {
                Claims.Release(_space, fetch.Slice.Map, fetch.FirstPage, fetch.Pages);
                if (outcome.Reason is { } reason)
                {
                    NoteFailure(fetch.Slice, fetch.FirstPage, reason);
                }
            }
        }

        return true;
    }

    private FillOutcome Fail(Fetch fetch)
    {
        SpaceCounters.Add(ref _space.Counters.SourceFailures);
        return new FillOutcome(0, FillStatus.SourceFailed, fetch.Error);
    }

    private void NoteFailure(RegionSlice slice, long page, string reason)
    {
        _order.Skip(page);
        if (!_failed)
        {
            _space.Notify(PagerNoticeKind.SourceFailed, $"page {slice.AddressOf(page):x}: {reason}; the background fill goes on with the rest");
        }

        _failed = true;
    }
}
