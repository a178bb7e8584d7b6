using System.Collections.Concurrent;

namespace Uffd.Paging;

/// <summary>
/// Threads that bring what lies ahead. They begin with the first such wish and end with the region. A wish is dropped when too
/// many wait: a page that did not come ahead is brought when it is touched.
/// </summary>
internal sealed class AheadWorkers : IDisposable
{
    private const int Threads = 6;
    private const int MaxWaiting = 1024; // 256 KiB to 1 MiB each

    private readonly PageLoader _loader;
    private readonly RegionGate _gate;
    private readonly BlockingCollection<AheadRun> _runs = new(MaxWaiting);
    private readonly int _maxRun;
    private readonly Lock _starting = new();
    private Thread[]? _threads;
    private bool _isDisposed;

    public AheadWorkers(PageLoader loader, RegionGate gate, int maxRun)
    {
        _maxRun = maxRun;
        _loader = loader;
        _gate = gate;
        loader.Ahead = Ask;
    }

    /// <summary>Brings pages soon.</summary>
    public void Ask(AheadRun run)
    {
        if (_threads is null)
        {
            Start();
        }

        // In pieces, so that several are brought at once. Whoever reaches one asks for more.
        for (int done = 0; done < run.Count; done += _maxRun)
        {
            _runs.TryAdd(new AheadRun(run.First + done, Math.Min(_maxRun, run.Count - done)));
        }
    }

    /// <summary>Ends the threads. Nobody may ask any more.</summary>
    public void Dispose()
    {
        Thread[] threads;
        lock (_starting)
        {
            _isDisposed = true;
            threads = _threads ?? [];
        }

        _runs.CompleteAdding();
        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        _runs.Dispose();
    }

    private void Start()
    {
        lock (_starting)
        {
            if (_threads is not null || _isDisposed)
            {
                return;
            }

            Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(Run) { IsBackground = true, Name = "uffd ahead" })];
            foreach (Thread thread in threads)
            {
                thread.Start();
            }

            _threads = threads;
        }
    }

    private void Run()
    {
        foreach (AheadRun run in _runs.GetConsumingEnumerable())
        {
            try
            {
                _gate.Enter();
            }
            catch (ObjectDisposedException)
            {
                continue;
            }

            try
            {
                _loader.Bring(run);
            }
            catch (Exception)
            {
                // Nobody waits for these pages. Who touches one meets the failure itself, and is told. A store is anyone's code and may throw
                // anything: that must not end the process.
            }
            finally
            {
                _gate.Leave();
            }
        }
    }
}
