using System.Runtime.CompilerServices;

namespace Uffd.Paging;

/// <summary>
/// Threads for reads that block: as many as there are reads at once, kept for a while. The thread pool would add them one a
/// second, and a pool full of blocked reads would hold up everybody else in the process.
/// </summary>
/// <remarks>
/// The maximum is each source's own. With one for all, a source that hangs would take every thread, and the pages of all others
/// would wait behind it.
/// </remarks>
internal sealed class BlockingReads
{
    // Addresses only, until a read goes deep: what runs there is anyone's code, and an overflow would end every client's pager.
    private const int MaxStackBytes = 1 << 20;

    private readonly Lock _gate = new();
    private readonly ConditionalWeakTable<IPageSource, Lane> _lanes = [];
    private readonly List<Worker> _idle = []; // the last one in is used first, so that those behind it come to an end
    private readonly int _threadsOfASource;
    private readonly TimeSpan _idleTime;
    private readonly Action<Thread> _start;
    private int _threads;

    /// <param name="threadsOfASource">How many reads of one source are made at once; the others of it wait.</param>
    /// <param name="idleTime">How long a thread without work is kept.</param>
    /// <param name="start">Starts a thread; null for the usual way.</param>
    public BlockingReads(int threadsOfASource, TimeSpan idleTime, Action<Thread>? start = null)
    {
        _threadsOfASource = threadsOfASource;
        _idleTime = idleTime;
        _start = start ?? (thread => thread.UnsafeStart());
    }

    /// <summary>Those of this process.</summary>
    public static BlockingReads Shared { get; } = new(threadsOfASource: 256, TimeSpan.FromSeconds(10));

    /// <summary>How many threads there are.</summary>
    public int Threads => Volatile.Read(ref _threads);

    /// <summary>Reads on one of the threads. A read that has not begun when it is cancelled never begins.</summary>
    public ValueTask RunAsync(IPageSource source, ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellation);
        }

        var request = new Request(source, offset, destination, cancellation);
        Lane lane = _lanes.GetOrCreateValue(source);
        Worker? worker = null;
        lock (_gate)
        {
            if (lane.Running == _threadsOfASource)
            {
                lane.Waiting.Enqueue(request);
                return request.Task;
            }

            lane.Running++;
            if (_idle.Count > 0)
            {
                worker = _idle[^1];
                _idle.RemoveAt(_idle.Count - 1);
            }
        }

        if (worker is not null)
        {
            worker.Give(request, lane);
        }
        else
        {
            StartThread(request, lane);
        }

        return request.Task;
    }

    private void StartThread(Request request, Lane lane)
    {
        var worker = new Worker();
        worker.Take(request, lane);
        Interlocked.Increment(ref _threads);
        try
        {
            _start(new Thread(() => Run(worker), MaxStackBytes) { IsBackground = true, Name = "uffd-read" });
        }
        catch (Exception exception) // no memory, or no more threads for this process: a control group's limit, for one
        {
            Interlocked.Decrement(ref _threads);
            Postpone(request, lane, exception);
        }
    }

    /// <summary>A read without a thread waits for another of its source to end; without any of them it would wait for ever.</summary>
    private void Postpone(Request request, Lane lane, Exception reason)
    {
        lock (_gate)
        {
            if (--lane.Running > 0)
            {
                lane.Waiting.Enqueue(request);
                return;
            }
        }

        request.Fail(new IOException($"no thread can be started to read with: {reason.Message}", reason));
    }

    private void Run(Worker worker)
    {
        do
        {
            worker.Request!.Read();
        }
        while (TryGoOn(worker));

        Interlocked.Decrement(ref _threads);
        worker.Dispose();
    }

    /// <summary>Takes what waits of the same source, or waits to be given something.</summary>
    /// <returns>False when nothing came for a while.</returns>
    private bool TryGoOn(Worker worker)
    {
        lock (_gate)
        {
            if (worker.Lane!.Waiting.TryDequeue(out Request? next))
            {
                worker.Take(next, worker.Lane);
                return true;
            }

            worker.Lane.Running--;
            worker.Take(null, null); // what an idle thread holds on to is never collected
            _idle.Add(worker);
        }

        if (worker.Wait(_idleTime))
        {
            return true;
        }

        lock (_gate)
        {
            if (_idle.Remove(worker))
            {
                return false;
            }
        }

        return worker.Wait(Timeout.InfiniteTimeSpan); // it was chosen meanwhile, and is being given something
    }

    /// <summary>What is read of one source.</summary>
    private sealed class Lane
    {
        public Queue<Request> Waiting { get; } = new();

        public int Running { get; set; }
    }

    /// <summary>A thread and what it does next.</summary>
    private sealed class Worker : IDisposable
    {
        private readonly SemaphoreSlim _given = new(0);

        public Request? Request { get; private set; }

        public Lane? Lane { get; private set; }

        public void Take(Request? request, Lane? lane) => (Request, Lane) = (request, lane);

        public void Give(Request request, Lane lane)
        {
            Take(request, lane);
            _given.Release();
        }

        public bool Wait(TimeSpan time) => _given.Wait(time);

        public void Dispose() => _given.Dispose();
    }

    private sealed class Request
    {
        private readonly IPageSource _source;
        private readonly ulong _offset;
        private readonly Memory<byte> _destination;
        private readonly CancellationToken _cancellation;
        private readonly CancellationTokenRegistration _registration;
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _begun; // or given up: whoever sets it ends the task, and the buffer is touched by nobody before or after

        public Request(IPageSource source, ulong offset, Memory<byte> destination, CancellationToken cancellation)
        {
            _source = source;
            _offset = offset;
            _destination = destination;
            _cancellation = cancellation;
            _registration = cancellation.UnsafeRegister(static request => ((Request)request!).GiveUp(), this);
        }

        public ValueTask Task => new(_done.Task);

        public void Read()
        {
            if (!TryBegin())
            {
                return;
            }

            _registration.Unregister();
            try
            {
                _source.Read(_offset, _destination.Span);
                _done.SetResult();
            }
            catch (Exception exception) // a source may be anyone's code
            {
                _done.SetException(exception);
            }
        }

        public void Fail(Exception exception)
        {
            if (TryBegin())
            {
                _registration.Unregister();
                _done.SetException(exception);
            }
        }

        private void GiveUp()
        {
            if (TryBegin())
            {
                _done.SetCanceled(_cancellation);
            }
        }

        private bool TryBegin() => Interlocked.Exchange(ref _begun, 1) == 0;
    }
}
