namespace Uffd.Migration.Tests.Support;

/// <summary>Who writes to the memories: one thread that changes pages at random, can be paused and slowed down, and knows what the memory was when it stood.</summary>
internal sealed class TestWorkload : IMigrationWorkload, IDisposable
{
    private readonly IReadOnlyList<TestMemory> _memories;
    private readonly IReadOnlyList<PageWriter> _writers;
    private readonly Violations _violations;
    private readonly Random _random;
    private readonly int _burst;
    private readonly Thread _thread;
    private readonly object _gate = new();
    private bool _wantsPause;
    private bool _isParked;
    private bool _ends;
    private double _throttle;
    private long _writes;

    /// <summary>Starts it.</summary>
    /// <param name="memories">What it writes to.</param>
    /// <param name="writers">How, by memory.</param>
    /// <param name="violations">Told of what must not be.</param>
    /// <param name="seed">Where its random order begins.</param>
    /// <param name="burst">Pages that it writes every millisecond or so; 0 for none at all.</param>
    public TestWorkload(IReadOnlyList<TestMemory> memories, IReadOnlyList<PageWriter> writers, Violations violations, int seed, int burst)
    {
        _memories = memories;
        _writers = writers;
        _violations = violations;
        _random = new Random(seed);
        _burst = burst;
        State = new byte[_random.Next(3) switch { 0 => 0, 1 => _random.Next(1, 100), _ => _random.Next(1, 200_000) }];
        _random.NextBytes(State);
        _thread = new Thread(Run) { IsBackground = true, Name = "workload" };
        _thread.Start();
    }

    /// <summary>What it needs besides its memory.</summary>
    public byte[] State { get; }

    public bool CanThrottle { get; init; }

    /// <summary>Whether pausing it fails, before anything was stopped.</summary>
    public bool RefusesPause { get; init; }

    /// <summary>A control: it goes on while it is said to stand.</summary>
    public bool IgnoresPause { get; init; }

    /// <summary>What the memories were when it was paused last; null before.</summary>
    public IReadOnlyList<MemoryImage>? Images { get; private set; }

    public int Pauses { get; private set; }

    public bool IsPaused
    {
        get
        {
            lock (_gate)
            {
                return _wantsPause;
            }
        }
    }

    /// <summary>Whether it does nothing now.</summary>
    public bool Stands
    {
        get
        {
            lock (_gate)
            {
                return _isParked;
            }
        }
    }

    public double Throttled => Volatile.Read(ref _throttle);

    public long Writes => Interlocked.Read(ref _writes);

    public async ValueTask<ReadOnlyMemory<byte>> PauseAsync(CancellationToken cancellation)
    {
        await Task.Yield();
        if (RefusesPause)
        {
            lock (_gate)
            {
                _wantsPause = true; // half of it stands
            }

            throw new IOException("the workload cannot be paused");
        }

        lock (_gate)
        {
            if (_wantsPause)
            {
                _violations.Add("the workload was paused twice");
            }

            _wantsPause = true;
            Pauses++;
            while (!_isParked && !_ends && !IgnoresPause)
            {
                Monitor.Wait(_gate);
            }
        }

        Images = [.. _memories.Select(static memory => memory.Capture())];
        return State;
    }

    public ValueTask ResumeAsync()
    {
        lock (_gate)
        {
            if (!_wantsPause)
            {
                _violations.Add("the workload was resumed, and was not paused");
            }

            _wantsPause = false;
            Monitor.PulseAll(_gate);
        }

        return ValueTask.CompletedTask;
    }

    public bool Throttle(double share)
    {
        if (share is not (>= 0 and < 1))
        {
            _violations.Add($"the workload was slowed down by {share}");
        }

        if (CanThrottle)
        {
            Volatile.Write(ref _throttle, share);
        }

        return CanThrottle;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _ends = true;
            Monitor.PulseAll(_gate);
        }

        _thread.Join();
    }

    private void Run()
    {
        while (true)
        {
            lock (_gate)
            {
                while (_wantsPause && !_ends && !IgnoresPause)
                {
                    _isParked = true;
                    Monitor.PulseAll(_gate);
                    Monitor.Wait(_gate);
                }

                _isParked = false;
                if (_ends)
                {
                    return;
                }
            }

            int burst = (int)(_burst * (1 - Throttled));
            for (int count = 0; count < burst; count++)
            {
                int region = _random.Next(_memories.Count);
                _writers[region].Write(_memories[region], _random);
                Interlocked.Increment(ref _writes);
            }

            Thread.Sleep(1); // its pace; nothing waits for it
        }
    }
}
