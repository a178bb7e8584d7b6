using System.Collections.Concurrent;

namespace Uffd.Paging;

/// <summary>
/// Threads for reads that block: as many as there are reads at once, kept for a while. The thread pool would add them one a
/// second, and a pool full of blocked reads would hold up everybody else in the process.
/// </summary>
internal static class BlockingReads
{
    private const int MaxThreads = 256;
    private const int MaxStackBytes = 256 << 10;

    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(10);
    private static readonly BlockingCollection<Request> Requests = [];
    private static int _threads;
    private static int _busy; // requests that wait or are read

    /// <summary>Reads on one of the threads.</summary>
    public static ValueTask RunAsync(IPageSource source, ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        var request = new Request(source, offset, destination, cancellation);
        Requests.Add(request, CancellationToken.None);
        if (Interlocked.Increment(ref _busy) > Volatile.Read(ref _threads))
        {
            AddThread();
        }

        return new ValueTask(request.Done.Task);
    }

    private static void AddThread()
    {
        if (Interlocked.Increment(ref _threads) > MaxThreads)
        {
            Interlocked.Decrement(ref _threads);
            return;
        }

        try
        {
            new Thread(Run, MaxStackBytes) { IsBackground = true, Name = "uffd-read" }.Start();
        }
        catch (OutOfMemoryException)
        {
            if (Interlocked.Decrement(ref _threads) == 0)
            {
                throw; // nobody would ever read it
            }
        }
    }

    private static void Run()
    {
        while (Requests.TryTake(out Request? request, IdleTime))
        {
            request.Read();
            Interlocked.Decrement(ref _busy);
        }

        Interlocked.Decrement(ref _threads);

        // One that came in between found this thread still counted.
        if (Requests.Count > 0)
        {
            AddThread();
        }
    }

    private sealed class Request(IPageSource source, ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Read()
        {
            if (cancellation.IsCancellationRequested)
            {
                Done.SetCanceled(cancellation);
                return;
            }

            try
            {
                source.Read(offset, destination.Span);
                Done.SetResult();
            }
            catch (Exception exception) // a source may be anyone's code
            {
                Done.SetException(exception);
            }
        }
    }
}
