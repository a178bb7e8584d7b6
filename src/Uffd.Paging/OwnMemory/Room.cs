namespace Uffd.Paging;

/// <summary>
/// How many pages may be here. Who brings pages asks for room first. Above the high mark a thread of the region's own takes cold
/// pages out until the low mark is reached, and saves those that were written; who finds no room at all helps itself, and waits for
/// that thread only when nothing clean is left.
/// </summary>
internal sealed class Room : IDisposable
{
    private const int HelpPages = 64;
    private const int EvictPages = 1024;

    /// <summary>How long to wait when room can only come from pages that are on their way.</summary>
    private static readonly TimeSpan OnTheirWay = TimeSpan.FromMilliseconds(1);

    private readonly PageEvictor _evictor;
    private readonly WriteBack _writeBack;
    private readonly RegionCounters _counters;
    private readonly LeaseTable _leases;
    private readonly ulong _pageSize;
    private readonly double _high;
    private readonly double _low;
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly Thread _keeper;
    private TaskCompletionSource<bool> _round = NewRound();
    private long _limit;
    private int _wanted; // the most pages that one of those who wait needs; the next round makes room for them
    private int _isAwake;
    private volatile bool _isStopping;

    public Room(PageEvictor evictor, WriteBack writeBack, RegionCounters counters, LeaseTable leases, ulong pageSize, PagedRegionOptions options)
    {
        _evictor = evictor;
        _writeBack = writeBack;
        _counters = counters;
        _leases = leases;
        _pageSize = pageSize;
        _high = options.HighWatermark;
        _low = options.LowWatermark;
        _limit = (long)(options.MemoryLimit / pageSize);
        _keeper = new Thread(Keep) { IsBackground = true, Name = "uffd keeper" };
        _keeper.Start();
    }

    /// <summary>The most pages that may be here.</summary>
    public long Limit
    {
        get => Interlocked.Read(ref _limit);
        set
        {
            Interlocked.Exchange(ref _limit, value);
            Wake();
        }
    }

    /// <summary>Takes room if there is some, or can be made at once.</summary>
    public bool TryReserve(int count)
    {
        while (!TryTake(count))
        {
            if (_evictor.Evict((int)Math.Max(count, Math.Min(HelpPages, Limit / 8))) == 0)
            {
                return TryTake(count);
            }
        }

        return true;
    }

    /// <summary>Waits for room.</summary>
    /// <param name="count">How many pages would be good.</param>
    /// <returns>For how many there is room now; at least 1.</returns>
    /// <exception cref="InvalidOperationException">Leases hold all there is.</exception>
    /// <exception cref="IOException">What cannot be saved holds all there is.</exception>
    public int Reserve(int count)
    {
        count = Sensible(count, vain: 0);
        for (int vain = 0; !TryReserve(count); count = Sensible(count, vain))
        {
            vain = WaitForRound(vain, count).GetAwaiter().GetResult() ? 1 : vain + 1;
            ThrowIfHopeless(vain);
            if (vain > 2)
            {
                Thread.Sleep(OnTheirWay);
            }
        }

        return count;
    }

    /// <summary>The same without holding up the thread.</summary>
    public async ValueTask<int> ReserveAsync(int count, CancellationToken cancellation)
    {
        count = Sensible(count, vain: 0);
        for (int vain = 0; !TryReserve(count); count = Sensible(count, vain))
        {
            vain = await WaitForRound(vain, count).WaitAsync(cancellation).ConfigureAwait(false) ? 1 : vain + 1;
            ThrowIfHopeless(vain);
            if (vain > 2)
            {
                await Task.Delay(OnTheirWay, cancellation).ConfigureAwait(false);
            }
        }

        return count;
    }

    /// <summary>Stops the thread. Nobody may wait for room any more.</summary>
    public void Dispose()
    {
        _isStopping = true;
        _wake.Set();
        _keeper.Join();
        _wake.Dispose();
    }

    /// <summary>Who finds no room for many, because leases or others hold it, is content with one: the rest comes the same way.</summary>
    private int Sensible(int count, int vain) => vain > 1 ? 1 : (int)Math.Min(count, Math.Max(1, Limit / 4));

    private static TaskCompletionSource<bool> NewRound() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private bool TryTake(int count)
    {
        long limit = Limit;
        long taken = _counters.Reserve(count);
        if (taken > limit)
        {
            _counters.Unreserve(count);
            return false;
        }

        if (taken > (long)(limit * _high))
        {
            Wake();
        }

        return true;
    }

    /// <summary>Ends with the next round of the thread that begins from now on; false when that could do nothing.</summary>
    private Task<bool> WaitForRound(int vain, int count)
    {
        if (vain == 0)
        {
            _counters.Stalled();
        }

        for (int wanted = Volatile.Read(ref _wanted); wanted < count; wanted = Volatile.Read(ref _wanted))
        {
            Interlocked.CompareExchange(ref _wanted, count, wanted);
        }

        Task<bool> round = Volatile.Read(ref _round).Task;
        Wake();
        return round;
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref _isAwake, 1) == 0)
        {
            _wake.Set();
        }
    }

    private void Keep()
    {
        while (true)
        {
            _wake.WaitOne();
            if (_isStopping)
            {
                return;
            }

            Interlocked.Exchange(ref _isAwake, 0);
            bool isProgress = true;
            while (isProgress && !_isStopping)
            {
                TaskCompletionSource<bool> round = Volatile.Read(ref _round);

                // What is below the low mark may still be too much for who waits; whoever goes on waiting says so again.
                long limit = Limit;
                int wanted = Interlocked.Exchange(ref _wanted, 0);
                long surplus = _counters.Resident - Math.Min((long)(limit * _low), limit - Math.Max(wanted, Math.Max(1, limit / 64)));
                isProgress = surplus > 0 && MakeRoom((int)Math.Min(surplus, EvictPages));

                // Whoever reads the round before it is replaced is told by this one, whoever reads it after by the next.
                Volatile.Write(ref _round, NewRound());
                round.SetResult(isProgress);
            }
        }
    }

    private bool MakeRoom(int want)
    {
        try
        {
            int gone = _evictor.Evict(want);
            bool saved = (gone < want || _evictor.Queues.DirtyCount >= Math.Min(PageSaver.BatchPages, Limit / 8)) && _writeBack.SaveCold();
            return gone > 0 || saved;
        }
        catch (Exception)
        {
            return false; // who needs the room tries the same itself, and is told
        }
    }

    /// <summary>
    /// A round that began before the wait may have missed what has changed since; two in a row have not. That they found nothing to take is
    /// not the end yet: pages may be on their way in, or be touched by accesses that are over in a moment.
    /// </summary>
    private void ThrowIfHopeless(int vain)
    {
        if (vain <= 2)
        {
            return;
        }

        ulong bytes = (ulong)Limit * _pageSize;
        if (_evictor.CountStuck(withWritten: false) >= Limit)
        {
            throw new InvalidOperationException($"{_leases.Held} leases hold the region's limit of {bytes} bytes: dispose some, or allow more memory");
        }

        if (_writeBack.Failure is { } failure && _evictor.CountStuck(withWritten: true) >= Limit)
        {
            throw new IOException($"the region's limit of {bytes} bytes is full of pages that could not be written back ({failure.Message}): mend that, then call Flush", failure);
        }
    }
}
