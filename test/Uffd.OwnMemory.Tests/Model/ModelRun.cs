using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging.OwnMemory.Tests.Model;

/// <summary>
/// Threads that read and write memory of their own between each other's, beside one that flushes and changes the limit, over a store that is
/// slow and fails; what they find is compared at once, and what the store holds at the end.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "the store is freed at the end of a run that held, and left alone after one that did not")]
internal sealed class ModelRun
{
    private static readonly TimeSpan Longest = TestTime.Scaled(TimeSpan.FromSeconds(120));

    private readonly ModelOptions _options;
    private readonly MemoryStore _store;
    private readonly Random _storeRandom;
    private volatile bool _isOver;

    public ModelRun(ModelOptions options)
    {
        Requires.Paging();
        _options = options;
        _storeRandom = new Random(options.Seed);
        _store = new MemoryStore((options.Pages * (long)MemoryStore.Page) - 1234) { Concurrency = options.Concurrency, IsDirect = options.IsDirect };
        _store.OnRead = (_, _) => Disturb();
        _store.OnWrite = (_, _) => Disturb();
    }

    /// <summary>Runs it and looks at everything.</summary>
    /// <returns>How many operations there were.</returns>
    public async Task<long> RunAsync(Action<PagedRegion>? sabotage = null)
    {
        PagedRegion region = PagedRegion.Create(_store, new PagedRegionOptions
        {
            MemoryLimit = (ulong)(_options.LimitPages * MemoryStore.Page),
            ReadAheadBytes = (ulong)(_options.ReadAheadPages * MemoryStore.Page),
            Retries = 12, // with the pauses that there are, the store fails less often in a row
            OwnsStore = false,
        });
        ModelThread[] threads = [.. Enumerable.Range(0, _options.Threads).Select(index => new ModelThread(region, _options, index))];
        try
        {
            Task disturber = Start(() => Disturb(region, sabotage));
            Task[] work = [.. threads.Select(thread => Start(() => Run(thread)))];
            try
            {
                await Task.WhenAll(work).WaitAsync(Longest);
            }
            finally
            {
                _isOver = true;
            }

            await disturber.Soon();
            Check(region, threads);
            await Start(region.Dispose).Soon();
            Compare(threads);
            _store.Free(); // where it failed, a region that still runs may still use it
            return threads.Sum(static thread => thread.Done);
        }
        catch (Exception exception)
        {
            throw new ModelException($"{_options}: {exception.Message} (UFFD_MODEL_SEED={_options.Seed} does the same again, but for the moments at which threads meet)", exception);
        }
    }

    private static Task Start(Action action) => Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Run(ModelThread thread)
    {
        try
        {
            for (int turn = 0; turn < _options.Operations && !_isOver; turn++)
            {
                thread.Step();
            }

            thread.Drop();
        }
        catch
        {
            _isOver = true;
            throw;
        }
    }

    private void Disturb(PagedRegion region, Action<PagedRegion>? sabotage)
    {
        var random = new Random(_options.Seed + 77);
        while (!_isOver)
        {
            Thread.Sleep(random.Next(1, 6));
            switch (random.Next(4))
            {
                case 0:
                    region.Flush();
                    break;
                case 1 when _options.ChangesLimit:
                    region.MemoryLimit = (ulong)(random.Next(_options.LimitPages, _options.LimitPages * 2) * MemoryStore.Page);
                    break;
                case 2:
                    region.Prefetch(random.Next(0, _options.Pages - 40) * (long)MemoryStore.Page, 30 * MemoryStore.Page);
                    break;
                default:
                    region.GetStatistics();
                    break;
            }

            sabotage?.Invoke(region);
        }
    }

    private void Check(PagedRegion region, ModelThread[] threads)
    {
        Assert.Null(_store.Violation);
        Assert.Null(region.ReadOnlyReason);
        Assert.Equal(0, region.GetStatistics().Leases);
        region.MemoryLimit = (ulong)(_options.LimitPages * MemoryStore.Page);
        byte[] found = new byte[region.Length];
        region.Memory.CopyTo(0, found);
        Compare(threads, found);
        Assert.True(SpinWait.SpinUntil(() => region.GetStatistics().ResidentBytes <= region.MemoryLimit, Gate.Patience), "more stays than the limit");
    }

    private void Compare(ModelThread[] threads)
    {
        Assert.Null(_store.Violation);
        Compare(threads, _store.Content.ToArray());
    }

    private void Compare(ModelThread[] threads, byte[] found)
    {
        for (int at = 0; at < found.Length; at++)
        {
            ModelThread owner = threads[at / _options.PieceBytes % threads.Length];
            if (found[at] != owner.Known[at])
            {
                throw new ModelException($"at the end the byte at {at} (page {at / 4096}) is {found[at]:x2} and must be {owner.Known[at]:x2}");
            }
        }
    }

    private void Disturb()
    {
        int fate;
        lock (_storeRandom)
        {
            fate = _storeRandom.Next(1 << 20);
        }

        if (_options.DelayEvery > 0 && fate % _options.DelayEvery == 0)
        {
            Thread.Sleep(1);
        }

        if (_options.FailureEvery > 0 && fate % _options.FailureEvery == 1)
        {
            throw new IOException("made to fail");
        }
    }
}
