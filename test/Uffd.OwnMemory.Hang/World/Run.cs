using System.Diagnostics;
using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>One path for a while: regions over the store, workers in them, and what they have seen.</summary>
internal sealed class Run(Content content, TimeSpan time, int seed, bool isAsyncStore)
{
    private const int Threads = 4;
    private const int Tasks = 8;

    /// <summary>How long a worker may take to end after its time is over. A hung runtime never comes to look; who started the process does.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>How many times as long a run may go on when it has met nothing yet because the machine is busy, and how long at the most.</summary>
    private const int Longer = 100;
    private const double MostSeconds = 20;

    private readonly long _end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
    private readonly long _latest = Stopwatch.GetTimestamp() + (long)((time.TotalSeconds + Math.Min(Longer * time.TotalSeconds, MostSeconds)) * Stopwatch.Frequency);
    private readonly int _collectionsBefore = GC.CollectionCount(0); // counts those of the other generations too
    private PagedRegion? _region;
    private long _accesses;
    private Exception? _failure;

    public Content Content { get; } = content;

    public int Seed { get; } = seed;

    /// <summary>Whether to stop: the time is over and something was missed, evicted and collected, or there is no hope of it.</summary>
    public bool IsOver
    {
        get
        {
            long now = Stopwatch.GetTimestamp();
            return Volatile.Read(ref _failure) is not null || (now >= _end && (now >= _latest || HasMet()));
        }
    }

    public long Accesses => Interlocked.Read(ref _accesses);

    public long Misses { get; private set; }

    public ulong EvictedBytes { get; private set; }

    public ulong WrittenBytes { get; private set; }

    /// <summary>How many collections there were since it began.</summary>
    public int Collections => GC.CollectionCount(0) - _collectionsBefore;

    /// <summary>The region that is asked whether something was met; for paths that make their own.</summary>
    public void Watch(PagedRegion region) => _region = region;

    /// <summary>A region over the store, with room for a tenth of it.</summary>
    public PagedRegion CreateRegion()
        => PagedRegion.Create(new HangStore(Content.Stored, isAsyncStore), new PagedRegionOptions { MemoryLimit = Layout.Limit, ReadAheadBytes = 64 << 10 });

    /// <summary>Runs something over a region; afterwards everything that was written must be in the store.</summary>
    public void OverRegion(Action<PagedRegion> use)
    {
        PagedRegion region = CreateRegion();
        _region = region;
        use(region); // if it fails, the region is left: its end could wait for who is stuck in it
        Count(region.GetStatistics());
        _region = null;
        region.Dispose();
        Content.VerifyStored();
    }

    /// <summary>Adds what a region has done.</summary>
    public void Count(PagedRegionStatistics statistics)
    {
        Misses += statistics.Misses;
        EvictedBytes += statistics.EvictedBytes;
        WrittenBytes += statistics.WrittenBytes;
    }

    /// <summary>Repeats a step on several threads until the time is over.</summary>
    public void OnThreads(PagedRegion region, Action<Worker> step)
    {
        Thread[] threads = [.. Workers(region, Threads).Select(worker => Start(worker, step))];
        foreach (Thread thread in threads)
        {
            if (!thread.Join(Remaining() + Patience))
            {
                throw new StuckException($"{thread.Name} does not end");
            }
        }

        ThrowIfFailed();
    }

    /// <summary>Repeats a step in several tasks until the time is over.</summary>
    public void InTasks(PagedRegion region, Func<Worker, ValueTask> step)
    {
        Task[] tasks = [.. Workers(region, Tasks).Select(worker => Task.Run(() => RepeatAsync(worker, step)))];
        if (!Task.WaitAll(tasks, Remaining() + Patience))
        {
            throw new StuckException($"{tasks.Count(task => !task.IsCompleted)} of {tasks.Length} tasks do not end");
        }

        ThrowIfFailed();
    }

    /// <summary>Workers that share the memory among them.</summary>
    public Worker[] Workers(PagedRegion region, int count) => [.. Enumerable.Range(0, count).Select(index => new Worker(this, region, index, count))];

    /// <summary>Notes accesses of a worker that this has not started.</summary>
    public void Add(Worker worker) => Interlocked.Add(ref _accesses, worker.Accesses);

    private Thread Start(Worker worker, Action<Worker> step)
    {
        var thread = new Thread(() => Repeat(worker, step)) { IsBackground = true, Name = "a worker's thread" };
        thread.Start();
        return thread;
    }

    private void Repeat(Worker worker, Action<Worker> step)
    {
        try
        {
            do
            {
                step(worker);
            }
            while (!IsOver);
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref _failure, exception, null);
        }

        Add(worker);
    }

    private async Task RepeatAsync(Worker worker, Func<Worker, ValueTask> step)
    {
        try
        {
            do
            {
                await step(worker);
            }
            while (!IsOver);
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref _failure, exception, null);
        }

        Add(worker);
    }

    private bool HasMet()
    {
        PagedRegionStatistics? now = _region?.GetStatistics();
        return Misses + (now?.Misses ?? 0) > 0 && EvictedBytes + (now?.EvictedBytes ?? 0) > 0 && Collections > 0;
    }

    private TimeSpan Remaining()
    {
        long ticks = _latest - Stopwatch.GetTimestamp();
        return ticks > 0 ? TimeSpan.FromSeconds((double)ticks / Stopwatch.Frequency) : TimeSpan.Zero;
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw new InvalidOperationException("a worker failed", failure);
        }
    }
}
