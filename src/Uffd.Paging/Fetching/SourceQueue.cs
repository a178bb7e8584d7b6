using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Uffd.Paging;

/// <summary>
/// The reads of one source that takes its time, from all address spaces that it serves: as many at once as the source answers, those
/// that a fault waits for first. A quarter of the places, one at least, is kept for them, so that a fault does not even wait for one to be free.
/// </summary>
internal sealed class SourceQueue
{
    private const int MaxPooledBytes = 16 << 20;

    private static readonly ConditionalWeakTable<IPageSource, SourceQueue> Queues = [];

    private readonly IPageSource _source;
    private readonly Lock _lock = new();
    private readonly Queue<Request>[] _waiting = [.. Enum.GetValues<FillKind>().Select(_ => new Queue<Request>())]; // in order of urgency
    private readonly ConcurrentBag<FetchBuffer> _pool = [];
    private readonly int _limit;
    private readonly int _aheadLimit;
    private int _reading;
    private int _readingAhead;
    private int _pooledBytes;

    private SourceQueue(IPageSource source)
    {
        _source = source;
        _limit = Math.Max(1, source.Concurrency);
        _aheadLimit = Math.Max(1, _limit - Math.Max(1, _limit / 4));
    }

    /// <summary>How many runs that nobody waits for are worth asking for at once.</summary>
    public int AheadLimit => _aheadLimit;

    /// <summary>The queue of a source: one for all address spaces, because the source is one.</summary>
    public static SourceQueue Of(IPageSource source) => Queues.GetValue(source, static key => new SourceQueue(key));

    /// <summary>
    /// Asks for a run. Its sink is told when the bytes are there, the source has failed, or <paramref name="patience"/> is over: the
    /// time that it may take from now on, waiting for its turn included.
    /// </summary>
    public void Submit(Fetch fetch, TimeSpan patience, CancellationToken cancellation)
    {
        var request = new Request(this, fetch, patience, cancellation);
        lock (_lock)
        {
            _waiting[(int)fetch.Kind].Enqueue(request);
        }

        StartNext();
    }

    /// <summary>A fault has come to wait for a page of a read that may still be waiting for its turn: it goes first from now on.</summary>
    public void Promote(PageStateMap map, long page)
    {
        lock (_lock)
        {
            foreach (Queue<Request> queue in _waiting.AsSpan(1))
            {
                foreach (Request request in queue)
                {
                    if (request.TryPromote(map, page))
                    {
                        _waiting[(int)FillKind.Demand].Enqueue(request); // and is passed over where it was
                        break;
                    }
                }
            }
        }

        StartNext();
    }

    /// <summary>Gives the buffer back when what it held is installed or of no use.</summary>
    public void Return(Fetch fetch)
    {
        Return(fetch.Buffer);
        fetch.Buffer = null;
    }

    private void Return(FetchBuffer? buffer)
    {
        if (buffer is null)
        {
            return;
        }

        if (Interlocked.Add(ref _pooledBytes, buffer.Bytes) <= MaxPooledBytes)
        {
            _pool.Add(buffer);
        }
        else
        {
            Interlocked.Add(ref _pooledBytes, -buffer.Bytes);
            buffer.Free();
        }
    }

    private void StartNext()
    {
        while (TryTakeNext() is { } request)
        {
            _ = ReadAsync(request);
        }
    }

    private Request? TryTakeNext()
    {
        lock (_lock)
        {
            if (_reading >= _limit)
            {
                return null;
            }

            foreach (Queue<Request> queue in _waiting)
            {
                bool urgent = queue == _waiting[(int)FillKind.Demand];
                while ((urgent || _readingAhead < _aheadLimit) && queue.TryDequeue(out Request? request))
                {
                    if (request.TryStart(urgent))
                    {
                        _reading++;
                        _readingAhead += urgent ? 0 : 1;
                        return request;
                    }
                }
            }

            return null;
        }
    }

    private async Task ReadAsync(Request request)
    {
        string? error = null;
        FetchBuffer? buffer = null;
        bool waited = false;
        try
        {
            buffer = Rent(request.Fetch.Bytes);
            Memory<byte> destination = buffer.Memory[..request.Fetch.Bytes];
            request.Fetch.ReadSince = Stopwatch.GetTimestamp();
            ValueTask read = _source.ReadAsync(request.Fetch.Offset, destination, request.Token);
            waited = !read.IsCompleted;
            await read.ConfigureAwait(false);
        }
        catch (Exception exception) // a source may be anyone's code
        {
            error = exception is OperationCanceledException ? request.WhyCancelled : exception.Message;
        }

        lock (_lock)
        {
            _reading--;
            _readingAhead -= request.StartedAhead ? 1 : 0;
        }

        if (waited)
        {
            StartNext(); // who called us does, if we are still in its call
        }

        request.End(buffer, error);
    }

    private FetchBuffer Rent(int bytes)
    {
        while (_pool.TryTake(out FetchBuffer? buffer))
        {
            Interlocked.Add(ref _pooledBytes, -buffer.Bytes);
            if (buffer.Bytes >= bytes)
            {
                return buffer;
            }

            buffer.Free(); // too small once is too small again
        }

        return new FetchBuffer(Math.Max(bytes, (int)BackgroundFill.RunBytes));
    }

    /// <summary>A fetch and the time that it has left.</summary>
    private sealed class Request : IDisposable
    {
        private readonly SourceQueue _queue;
        private readonly CancellationTokenSource _cancellation;
        private readonly TimeSpan _patience;
        private readonly CancellationToken _ending;
        private int _ended;
        private bool _started;
        private bool _promoted;

        public Request(SourceQueue queue, Fetch fetch, TimeSpan patience, CancellationToken cancellation)
        {
            _queue = queue;
            _patience = patience;
            _ending = cancellation;
            Fetch = fetch;
            _cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            Token = _cancellation.Token;
            Token.UnsafeRegister(static request => ((Request)request!).GiveUp(), this);
            if (patience != Timeout.InfiniteTimeSpan)
            {
                _cancellation.CancelAfter(patience);
            }
        }

        public Fetch Fetch { get; }

        public CancellationToken Token { get; }

        /// <summary>Whether it took one of the places of those that nobody waits for.</summary>
        public bool StartedAhead { get; private set; }

        public string WhyCancelled => _ending.IsCancellationRequested ? "the address space has ended" : $"the source has not answered within {_patience.TotalSeconds:0.###} s";

        /// <summary>Called under the lock of the queue.</summary>
        /// <returns>False when it was started before, or given up while it waited for its turn.</returns>
        public bool TryStart(bool urgent)
        {
            if (_started)
            {
                return false;
            }

            _started = true;
            StartedAhead = !urgent;
            if (Volatile.Read(ref _ended) == 0)
            {
                return true;
            }

            Dispose();
            return false;
        }

        /// <summary>Called under the lock of the queue.</summary>
        public bool TryPromote(PageStateMap map, long page)
        {
            bool promotes = !_started && !_promoted && ReferenceEquals(Fetch.Slice.Map, map) && page >= Fetch.FirstPage && page < Fetch.FirstPage + Fetch.Pages;
            _promoted |= promotes;
            return promotes;
        }

        /// <summary>The read has ended. Where the fetch was given up meanwhile, only its buffer is left to settle.</summary>
        public void End(FetchBuffer? buffer, string? error)
        {
            bool late = Interlocked.Exchange(ref _ended, 1) != 0;
            Dispose();
            if (late || error is not null)
            {
                _queue.Return(buffer);
                buffer = null;
            }

            if (!late)
            {
                Fetch.Buffer = buffer;
                Fetch.Complete(error);
            }
        }

        public void Dispose() => _cancellation.Dispose();

        /// <summary>It takes too long, or nobody wants it any more. Its read may go on: the buffer is its own until it ends.</summary>
        private void GiveUp()
        {
            if (Interlocked.Exchange(ref _ended, 1) == 0)
            {
                Fetch.Complete(WhyCancelled);
            }
        }
    }
}
