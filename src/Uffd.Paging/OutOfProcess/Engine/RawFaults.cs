using System.Diagnostics;

namespace Uffd.Paging;

/// <summary>
/// The thread that reads the client's faults. A write to a clean page is answered at once; a missing page is claimed and brought, or
/// waits here for room. No events are asked for, so nothing but faults comes.
/// </summary>
internal sealed class RawFaults : IDisposable
{
    private const ulong FaultToken = 1;

#if DEBUG
    private const int ReadCapacity = 3; // small on purpose: batches end in the middle of everything
#else
    private const int ReadCapacity = 64;
#endif

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);

    private readonly RawRegion _region;
    private readonly RawFills _fills;
    private readonly RawEvictor _evictor;
    private readonly RawAhead _ahead;
    private readonly EventPoller _poller = new();
    private readonly UffdEventReader _reader;
    private readonly Queue<(long Page, bool IsWrite, long Since)> _parked = new();
    private readonly Thread _thread;
    private volatile bool _stopping;
    private volatile bool _sleeps;

    public RawFaults(RawRegion region, RawFills fills, RawEvictor evictor)
    {
        _region = region;
        _fills = fills;
        _evictor = evictor;
        _ahead = new RawAhead((int)(region.Settings.ReadAheadBytes / RawMemory.PageSize));
        _reader = new UffdEventReader(region.Memory.Userfaultfd, ReadCapacity);
        _thread = new Thread(Run) { IsBackground = true, Name = "uffd-raw-fault" };
    }

    /// <summary>What ended the loop, if it was not asked to end.</summary>
    public Exception? Failure { get; private set; }

    public void Start() => _thread.Start();

    public bool Stop(TimeSpan timeout)
    {
        _stopping = true;
        _poller.Wake();
        return !_thread.IsAlive || _thread.Join(timeout);
    }

    /// <summary>There is room.</summary>
    public void Wake()
    {
        Interlocked.MemoryBarrier(); // the room is seen by the loop's last look, or the loop is seen to sleep
        if (_sleeps)
        {
            _poller.Wake();
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _poller.Dispose();
    }

    private void Run()
    {
        try
        {
            _poller.Add(_region.Memory.Userfaultfd.Handle, FaultToken);
            Span<PollResult> ready = stackalloc PollResult[2];
            while (!_stopping)
            {
                ServeParked();
                if (!ServeFaults())
                {
                    _sleeps = true;
                    Interlocked.MemoryBarrier();
                    _poller.Wait(ready, _parked.Count > 0 && HasRoom() ? TimeSpan.Zero : Look);
                    _sleeps = false;
                }
            }
        }
        catch (Exception exception) // the process ends then, and its guardian settles what is missing: nobody hangs
        {
            Failure = exception;
            RawEngineFailure.End($"the fault loop failed: {exception.Message}");
        }
    }

    /// <returns>False when there was none.</returns>
    private bool ServeFaults()
    {
        bool any = false;
        int count;
        do
        {
            count = _reader.Read();
            any |= count > 0;
            for (int index = 0; index < count; index++)
            {
                UffdEvent message = _reader[index];
                if (message.Kind == UffdEventKind.PageFault && _region.Memory.TryFind(message.PageFault.Address, out long page))
                {
                    Serve(page, message.PageFault);
                }
            }
        }
        while (count == _reader.Capacity);

        return any;
    }

    private void Serve(long page, PageFault fault)
    {
        if (fault.Kind == PageFaultKind.WriteProtect)
        {
            RawCounters.Add(ref _region.Counters.WriteFaults);
            ServeWrite(page);
        }
        else
        {
            RawCounters.Add(ref _region.Counters.MissingFaults);
            ServeMissing(page, fault.IsWrite);
        }
    }

    /// <summary>A write met a protected page. The state and the protection change together, or a write would be lost.</summary>
    private void ServeWrite(long page)
    {
        RawPages pages = _region.Pages;
        lock (pages.Gate)
        {
            switch (pages[page])
            {
                case RawPageState.Filling:
                    pages[page] = RawPageState.FillingWanted;
                    return;
                case RawPageState.Evicting:
                    pages[page] = RawPageState.EvictingWanted; // it must stay protected until its memory has gone: the write would go with it
                    return;
                case RawPageState.FillingWanted or RawPageState.EvictingWanted:
                    return;
                case RawPageState.Clean:
                    pages[page] = RawPageState.Dirty;
                    break;
                case RawPageState.Writing:
                    pages[page] = RawPageState.Rewritten;
                    break;
                default:
                    break; // an old message, or a marker: who waits looks again
            }

            _region.Memory.Unprotect(page, 1);
        }
    }

    private void ServeMissing(long page, bool isWrite)
    {
        RawPages pages = _region.Pages;
        lock (pages.Gate)
        {
            switch (pages[page])
            {
                case RawPageState.Missing:
                    break;
                case RawPageState.Filling:
                    pages[page] = RawPageState.FillingWanted;
                    return;
                case RawPageState.Evicting:
                    pages[page] = RawPageState.EvictingWanted;
                    return;
                case RawPageState.Parked or RawPageState.FillingWanted or RawPageState.EvictingWanted:
                    return;
                case RawPageState.Poisoned:
                    _region.Memory.Wake(page, 1);
                    return;
                default:
                    ServeResident(page);
                    return;
            }

            if (_parked.Count > 0 || !pages.TryReserve(1))
            {
                pages[page] = RawPageState.Parked;
                _parked.Enqueue((page, isWrite, Stopwatch.GetTimestamp()));
                RawCounters.Add(ref _region.Counters.Parked);
                _evictor.Wake();
                return;
            }

            pages[page] = RawPageState.Filling;
        }

        Begin(page, isWrite);
    }

    /// <summary>
    /// An old message, mostly. Or the client has discarded the page behind our back (MADV_REMOVE): then it reads zeros, as it would
    /// without us, and so does the store.
    /// </summary>
    private void ServeResident(long page)
    {
        if (_region.Memory.HasPage(page))
        {
            _region.Memory.Wake(page, 1);
            return;
        }

        _region.Pages[page] = _region.Pages[page] is RawPageState.Writing or RawPageState.Rewritten ? RawPageState.Rewritten : RawPageState.Dirty;
        if (!_region.Memory.Userfaultfd.Copy(_region.Memory.Of(page, 1), ZeroBuffer.AddressFor(RawMemory.PageSize)).IsComplete)
        {
            _region.Memory.Wake(page, 1); // it is there after all, or cannot be had now: the fault comes again
        }
    }

    /// <summary>The page is claimed. What is brought along is claimed here.</summary>
    private void Begin(long page, bool isWrite)
    {
        RawPages pages = _region.Pages;
        int planned = _ahead.Plan(page);
        int count = 1;
        bool isFull;
        lock (pages.Gate)
        {
            for (int step = Math.Sign(planned); count < Math.Abs(planned); count++)
            {
                long next = page + (step * count);
                if (next < 0 || next >= pages.Count || pages.Resident >= _region.HighPages || pages[next] != RawPageState.Missing || !pages.TryReserve(1))
                {
                    break;
                }

                pages[next] = RawPageState.Filling;
            }

            isFull = pages.Resident > _region.HighPages;
        }

        var fill = new RawFill(planned > 0 ? page : page - count + 1, count, page, isWrite);
        _ahead.Planned(fill);
        if (isFull)
        {
            _evictor.Wake();
        }

        _fills.Begin(fill);
    }

    private bool HasRoom()
    {
        lock (_region.Pages.Gate)
        {
            return _region.Pages.Resident < _region.Pages.Limit + _region.Pages.Allowance;
        }
    }

    /// <summary>
    /// In the order in which they came. Who waits longer than is allowed while the store takes no writes is told by SIGBUS: what was
    /// written stays, and the page comes never.
    /// </summary>
    private void ServeParked()
    {
        while (_parked.TryPeek(out (long Page, bool IsWrite, long Since) next))
        {
            lock (_region.Pages.Gate)
            {
                if (!_region.Pages.TryReserve(1))
                {
                    break;
                }

                _region.Pages[next.Page] = RawPageState.Filling;
            }

            _parked.Dequeue();
            Begin(next.Page, next.IsWrite);
        }

        while (_evictor.IsStuck
            && _parked.TryPeek(out (long Page, bool IsWrite, long Since) oldest)
            && Stopwatch.GetElapsedTime(oldest.Since) > _region.Settings.UnsavedPatience)
        {
            _parked.Dequeue();
            GiveUp(oldest.Page);
        }

        if (_parked.Count > 0)
        {
            _evictor.Wake();
        }
    }

    private void GiveUp(long page)
    {
        bool poisoned = _region.Memory.Poison(page);
        lock (_region.Pages.Gate)
        {
            _region.Pages[page] = poisoned ? RawPageState.Poisoned : RawPageState.Missing;
        }

        _region.Memory.Wake(page, 1);
        RawCounters.Add(ref _region.Counters.PoisonedPages, poisoned ? 1 : 0);
        _region.Notify(RawNoticeKind.ReadFailed, $"no room for the page at {page * (long)RawMemory.PageSize}: pages that were written cannot be saved, and fill all memory that is allowed");
    }
}
