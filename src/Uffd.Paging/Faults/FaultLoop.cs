using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging;

/// <summary>
/// The thread that reads one userfaultfd and serves its faults: drain everything, apply the events, then serve. A fault that
/// cannot be served now is parked and tried again, because nothing will announce it a second time.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "its thread disposes what it uses, last")]
internal sealed partial class FaultLoop
{
    private const ulong FaultToken = 1;
    private const ulong ExitToken = 2;

#if DEBUG
    private const int ReadCapacity = 3; // small on purpose: batches end in the middle of everything
#else
    private const int ReadCapacity = 64;
#endif

    private const int YieldsBeforeWait = 2;

    private static readonly TimeSpan AliveCheck = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestSleep = TimeSpan.FromMicroseconds(100); // below it, asking again is quicker than sleeping
    private static readonly TimeSpan ExitCheck = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan ReadPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan FillTimeout = TimeSpan.FromSeconds(5);

    private readonly AddressSpace _space;
    private readonly Userfaultfd _userfaultfd;
    private readonly Thread _thread;
    private readonly EventPoller _poller = new();
    private readonly UffdEventReader _reader;
    private readonly PageFiller _filler;
    private readonly List<PageFault> _faults = new(256);
    private readonly ParkedFaults _parked = new();
    private readonly Dictionary<ulong, int> _outside = [];
    private readonly SpinPolicy? _spinPolicy;
    private int _served; // faults since the last wait
    private bool _readPaused;
    private bool _readFailed;
    private bool _targetExited;
    private bool _asksSlowSource; // since the last wait: who waits for a source is not waiting for us
    private volatile bool _sleeps;
    private volatile bool _reportedGone;
    private volatile bool _stopping;

    public FaultLoop(AddressSpace space)
    {
        _space = space;
        _userfaultfd = space.Userfaultfd;
        _reader = new UffdEventReader(_userfaultfd, ReadCapacity);
        _filler = new PageFiller(space, gate: null);
        _readAhead = new ReadAhead(space.Options.ReadAheadBytes, space.Counters);
        _spinPolicy = space.Options.Spin is null && SpinBudget.IsAny ? new SpinPolicy(Stopwatch.Frequency) : null;
        _thread = new Thread(Run) { IsBackground = true, Name = $"uffd-fault-{space.Id}" };
    }

    public void Start() => _thread.Start();

    public void Stop()
    {
        _stopping = true;
        Wake();
    }

    /// <summary>Something was put where the loop looks. While it works it will look anyway, and a wake-up costs two calls.</summary>
    public void Wake()
    {
        Interlocked.MemoryBarrier(); // what was put there is seen by the loop's last look, or the loop is seen to sleep
        if (_sleeps)
        {
            _poller.Wake();
        }
    }

    public void ReportGone()
    {
        _reportedGone = true;
        Wake();
    }

    /// <returns>False when it did not end in time. Whom it would wait for itself, or who has yet to start it, is not held up.</returns>
    public bool Join(TimeSpan timeout)
        => _thread == Thread.CurrentThread || _thread.ThreadState.HasFlag(System.Threading.ThreadState.Unstarted) || _thread.Join(timeout);

    private void Run()
    {
        AddressSpaceEnd end = AddressSpaceEnd.Failed;
        try
        {
            ThreadPlacement.Apply(_space);
            WatchTarget();
            end = Serve();
        }
        catch (Exception exception) // the pager must not die silently: what it served would hang
        {
            if (_space.HasEnded)
            {
                end = AddressSpaceEnd.Stopped; // the source that we were in did not answer, and the end was made without us
            }
            else
            {
                _space.Notify(PagerNoticeKind.ReadFailed, $"the fault loop failed and gives up the address space: {exception.Message}");
            }
        }

        Close(end);
    }

    private void WatchTarget()
    {
        _poller.Add(_userfaultfd.Handle, FaultToken);
        if (_space.Options.TargetProcess is { } process)
        {
            _poller.Add(process.Handle, ExitToken);
        }
    }

    private AddressSpaceEnd Serve()
    {
        bool more = false;
        int yields = 0;
        while (!_stopping)
        {
            // Who shares a CPU with us runs when we wake it or give way, and its next fault is there when we come back. Looking for it
            // costs a call or two; sleeping and being woken costs more (docs/adr/0008).
            // Not where the background fill competes: who gives way after much copying comes back a time slice later.
            yields = !more ? yields - 1 : _asksSlowSource || _space.BringsAll ? 0 : YieldsBeforeWait;
            if (yields >= 0 && !more)
            {
                Thread.Yield();
            }

            if ((yields < 0 && !TryWait()) || !TryServeOnce(out more))
            {
                return AddressSpaceEnd.TargetExited;
            }
        }

        return AddressSpaceEnd.Stopped;
    }

    /// <summary>What others put here for the loop to see.</summary>
    private bool HasNews => _stopping || _reportedGone || !_fetched.IsEmpty || !_space.Inbox.IsEmpty || !_space.SharedNews.IsEmpty;

    /// <summary>Waits until there is something to do.</summary>
    /// <returns>False when the process is gone.</returns>
    private bool TryWait()
    {
        Span<PollResult> ready = stackalloc PollResult[4];
        _sleeps = true;
        Interlocked.MemoryBarrier();
        int count = Wait(ready, HasNews ? TimeSpan.Zero : NextTimeout());
        _sleeps = false;
        bool exited = false;
        for (int index = 0; index < count; index++)
        {
            exited |= ready[index].Token == ExitToken;
        }

        if (exited)
        {
            _poller.Remove(_space.Options.TargetProcess!.Handle); // stays readable: from now on look at the memory itself
            _targetExited = true;
        }

        // Where somebody has woken us there is something to do, which tells as well.
        bool idle = count == 0 && !HasNews && _ahead.IsEmpty;
        if ((exited || idle || _reportedGone) && !_userfaultfd.IsTargetAlive())
        {
            return false;
        }

        _reportedGone = false;
        return true;
    }

    private int Wait(Span<PollResult> ready, TimeSpan timeout)
    {
        if (_spinPolicy is null)
        {
            return _poller.Wait(ready, timeout, _space.Options.Spin ?? TimeSpan.Zero);
        }

        int count = 0;
        bool over = false;
        if (_spinPolicy.BeforeWait(Stopwatch.GetTimestamp(), _asksSlowSource ? 0 : _served) && SpinBudget.TryEnter())
        {
            over = _poller.TrySpin(ready, SpinPolicy.Limit < timeout ? SpinPolicy.Limit : timeout, out count);
            SpinBudget.Exit();
        }

        if (!over)
        {
            count = _poller.Wait(ready, timeout);
        }

        _spinPolicy.AfterWait(Stopwatch.GetTimestamp());
        _served = 0;
        _asksSlowSource = false;
        return count;
    }

    /// <summary>Reads what waits and serves it.</summary>
    /// <param name="more">Whether to come again without waiting: a fault was there, so another may be, or something is left to do.</param>
    /// <returns>False when the process is gone.</returns>
    private bool TryServeOnce(out bool more)
    {
        if (!_parked.IsPaused)
        {
            ResumeReading();
            Drain();
        }

        more = _faults.Count > 0;
        _served += _faults.Count;
        bool alive = true;
        _parked.ReadTimestamp = Stopwatch.GetTimestamp();
        foreach (PageFault fault in _faults)
        {
            alive &= ServeFault(fault);
        }

        _faults.Clear();
        while (_space.Inbox.TryDequeue(out PageKey key))
        {
            alive &= ServePage(key, attempts: 0);
        }

        alive &= ServeFetched(ref more);
        while (_space.SharedNews.TryDequeue(out SharedNews news))
        {
            alive &= ServeNews(news);
        }

        if (!_parked.IsEmpty)
        {
            long now = Stopwatch.GetTimestamp(); // once: what is parked again below must wait until events were read again
            while (_parked.TryTakeDue(now, out ParkedFault parked))
            {
                alive &= ServeParked(parked);
            }
        }

        alive = alive && ServeAhead();
        more |= !_ahead.IsEmpty;
        return alive;
    }

    /// <summary>The event that cannot be read keeps the userfaultfd readable: while we pause it must not wake us.</summary>
    private void PauseReading(string reason)
    {
        if (!_readPaused)
        {
            _readPaused = true;
            _poller.Remove(_userfaultfd.Handle);
        }

        if (!_readFailed)
        {
            _readFailed = true; // told once, until reading works again
            _space.Notify(PagerNoticeKind.ReadFailed, reason);
        }

        _parked.Pause(ReadPause);
    }

    private void ResumeReading()
    {
        if (_readPaused)
        {
            _readPaused = false;
            _poller.Add(_userfaultfd.Handle, FaultToken);
        }
    }

    private TimeSpan NextTimeout()
    {
        // Also where the process is watched: one that replaces its memory (execve) goes on, and only asking tells.
        if (!_ahead.IsEmpty || _installAgain.Count > 0)
        {
            return TimeSpan.Zero;
        }

        TimeSpan limit = _targetExited ? ExitCheck : AliveCheck;
        if (_parked.IsEmpty)
        {
            return limit;
        }

        TimeSpan next = _parked.UntilNext();
        return next < ShortestSleep ? TimeSpan.Zero
            : next < limit ? next
            : limit;
    }

    /// <summary>
    /// The end, in the order that loses nothing: no more background fill, everything that is missing settled, and only then the
    /// descriptor closed. A background fill that is inside a source that does not answer holds up nobody: its claims are
    /// settled too, and it finds them gone.
    /// </summary>
    private void Close(AddressSpaceEnd end)
    {
        _space.StopBackgroundFill(FillTimeout);
        _space.End(end);
        _filler.Dispose();
        _reader.Dispose();
        _poller.Dispose();
        _space.ReleaseMap();
    }
}
