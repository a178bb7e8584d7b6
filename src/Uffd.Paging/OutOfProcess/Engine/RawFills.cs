using System.Collections.Concurrent;

namespace Uffd.Paging;

/// <summary>Pages to bring. All are claimed and have room.</summary>
/// <param name="First">The first of them.</param>
/// <param name="Count">How many.</param>
/// <param name="Wanted">The one that a fault waits for; the others come along.</param>
/// <param name="IsWrite">Whether the fault is a write: the page is made writable, and dirty, as it arrives.</param>
/// <param name="Attempts">How often it has failed.</param>
internal readonly record struct RawFill(long First, int Count, long Wanted, bool IsWrite, int Attempts = 0)
{
    public long End => First + Count;
}

/// <summary>
/// Brings pages. From a quick store the fault loop does it itself; a slow one is read on threads of their own, and so is what failed,
/// so that what is there is written without waiting for them.
/// </summary>
internal sealed class RawFills : IDisposable
{
    private const int MostThreads = 32;
    private const int RetryThreads = 8; // of a quick store, for what has failed

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly RawRegion _region;
    private readonly RawInstall _install;
    private readonly FetchBuffer _buffer; // of the fault loop
    private readonly BlockingCollection<RawFill> _queue = [];
    private readonly List<Thread> _threads = [];
    private readonly int _mostThreads;
    private readonly bool _isQuick;
    private int _idle;

    public RawFills(RawRegion region)
    {
        _region = region;
        _install = new RawInstall(region);
        _buffer = new FetchBuffer((int)Math.Max(region.Settings.ReadAheadBytes, RawMemory.PageSize));
        _isQuick = region.Store.Concurrency == 0;
        _mostThreads = _isQuick ? RetryThreads : Math.Min(region.Store.Concurrency, MostThreads);
    }

    /// <summary>Called by the fault loop only.</summary>
    public void Begin(RawFill fill)
    {
        if (!_isQuick)
        {
            Enqueue(fill);
        }
        else if (!_install.TryRun(fill, _buffer, out Exception? failure))
        {
            Failed(fill, failure);
        }
    }

    /// <summary>Ends the threads. What still waits is dropped: the region is settled afterwards.</summary>
    /// <returns>False when one does not come back from the store.</returns>
    public bool Stop(TimeSpan timeout)
    {
        _queue.CompleteAdding();
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        lock (_threads)
        {
            return _threads.TrueForAll(thread => thread.Join(Max(TimeSpan.Zero, timeout - System.Diagnostics.Stopwatch.GetElapsedTime(start))));
        }
    }

    public void Dispose()
    {
        _queue.Dispose();
        _buffer.Free();
    }

    private static TimeSpan Max(TimeSpan left, TimeSpan right) => left > right ? left : right;

    private void Enqueue(RawFill fill)
    {
        try
        {
            _queue.Add(fill);
        }
        catch (InvalidOperationException)
        {
            return; // the region ends
        }

        if (_queue.Count > Volatile.Read(ref _idle))
        {
            StartThread();
        }
    }

    private void StartThread()
    {
        lock (_threads)
        {
            if (_threads.Count < _mostThreads)
            {
                var thread = new Thread(Run) { IsBackground = true, Name = "uffd-raw-fill" };
                _threads.Add(thread);
                thread.Start();
            }
        }
    }

    private void Run()
    {
        var buffer = new FetchBuffer(_buffer.Bytes);
        try
        {
            while (true)
            {
                Interlocked.Increment(ref _idle);
                bool more = _queue.TryTake(out RawFill fill, Timeout.Infinite, _region.Stopping);
                Interlocked.Decrement(ref _idle);
                if (!more)
                {
                    return;
                }

                if (fill.Attempts > 0)
                {
                    Pause(fill.Attempts);
                }

                if (!_install.TryRun(fill, buffer, out Exception? failure))
                {
                    Failed(fill, failure);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The region ends.
        }
        finally
        {
            buffer.Free();
        }
    }

    private void Pause(int attempts)
    {
        TimeSpan pause = FirstPause * Math.Pow(2, Math.Min(attempts, 10) - 1);
        TimeProvider.System.Pause(pause < LongestPause ? pause : LongestPause, _region.Stopping);
    }

    /// <summary>The page that was wanted is tried again, alone, and given up in the end. The rest is asked for when it is touched.</summary>
    private void Failed(RawFill fill, Exception failure)
    {
        RawCounters.Add(ref _region.Counters.ReadFailures);
        if (fill.Attempts < _region.Settings.Retries && failure is not RawPageLostException)
        {
            Enqueue(fill with { First = fill.Wanted, Count = 1, Attempts = fill.Attempts + 1 });
            return;
        }

        string text = $"the page at {fill.Wanted * (long)RawMemory.PageSize} cannot be read: {failure.Message}";
        if (_region.Settings.OnReadFailure == FaultFailurePolicy.Terminate && _region.Client is { } client)
        {
            Console.Error.WriteLine($"uffd-pager: {text}; process {client.ProcessId} is killed");
            client.Kill();
            return;
        }

        _install.Lose(fill.Wanted);
        _region.Notify(RawNoticeKind.ReadFailed, text);
    }
}
