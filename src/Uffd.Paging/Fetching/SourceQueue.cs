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
    private readonly IPrioritizedPageSource? _prioritized; // the same, where it wants to know who waits
    private readonly List<FetchRequest> _openAhead = []; // of such a source: reads that go on and were begun for nobody
    private readonly Lock _lock = new();
    private readonly Queue<FetchRequest>[] _waiting = [.. Enum.GetValues<FillKind>().Select(_ => new Queue<FetchRequest>())]; // in order of urgency
    private readonly FetchDeadlines _deadlines = new();
    private readonly Stack<FetchBuffer> _buffers = new();
    private readonly Stack<CancellationTokenSource> _cancellations = new();
    private readonly int _limit;
    private readonly int _aheadLimit;
    private int _reading;
    private int _readingAhead;
    private int _pooledBytes;
    private int _queued; // requests in _waiting, those that are passed over among them

    private SourceQueue(IPageSource source)
    {
        _source = source;
        _prioritized = source as IPrioritizedPageSource;
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
        FetchRequest? request = new(fetch, patience, cancellation);
        _deadlines.Add(request);
        lock (_lock)
        {
            bool urgent = fetch.Kind == FillKind.Demand;
            if (_queued > 0 || !HasPlace(urgent) || !request.TryStart(urgent))
            {
                _waiting[(int)fetch.Kind].Enqueue(request);
                _queued++;
                request = null;
            }
            else
            {
                TakePlace(request, urgent);
            }
        }

        if (request is not null)
        {
            _ = ReadAsync(request); // the common case: nothing waits, and there is room
        }

        StartNext();
    }

    /// <summary>
    /// A fault has come to wait for a page of a read that may still be waiting for its turn: it goes first from now on. Where it is being read, the source is told, if it
    /// wants to know.
    /// </summary>
    public void Promote(PageStateMap map, long page)
    {
        FetchRequest? open;
        lock (_lock)
        {
            open = _openAhead.Find(request => request.TryExpedite(map, page));
            foreach (Queue<FetchRequest> queue in _waiting.AsSpan(1))
            {
                foreach (FetchRequest request in queue)
                {
                    if (request.TryPromote(map, page))
                    {
                        _waiting[(int)FillKind.Demand].Enqueue(request); // and is passed over where it was
                        _queued++;
                        break;
                    }
                }
            }
        }

        if (open is not null)
        {
            Expedite(open.Fetch);
        }

        StartNext();
    }

    /// <summary>Gives the buffer back when what it held is installed or of no use.</summary>
    public void Return(Fetch fetch)
    {
        FetchBuffer? buffer = fetch.Buffer;
        fetch.Buffer = null;
        if (buffer is not null)
        {
            lock (_lock)
            {
                Return(buffer);
            }
        }
    }

    private void Expedite(Fetch fetch)
    {
        try
        {
            _prioritized!.Expedite(fetch.Offset, fetch.Bytes);
        }
        catch (Exception)
        {
            // A source may be anyone's code. The read goes on as it did.
        }
    }

    private void StartNext()
    {
        // Looked at without the lock: who adds one looks for a place after it, and who leaves a place looks for one after that.
        while (Volatile.Read(ref _queued) > 0 && TryTakeNext() is { } request)
        {
            _ = ReadAsync(request);
        }
    }

    private FetchRequest? TryTakeNext()
    {
        lock (_lock)
        {
            foreach (Queue<FetchRequest> queue in _waiting)
            {
                bool urgent = queue == _waiting[(int)FillKind.Demand];
                while (HasPlace(urgent) && queue.TryDequeue(out FetchRequest? request))
                {
                    _queued--;
                    if (request.TryStart(urgent))
                    {
                        TakePlace(request, urgent);
                        return request;
                    }
                }
            }

            return null;
        }
    }

    private bool HasPlace(bool urgent) => _reading < _limit && (urgent || _readingAhead < _aheadLimit);

    private void TakePlace(FetchRequest request, bool urgent)
    {
        _reading++;
        if (!urgent)
        {
            _readingAhead++;
            if (_prioritized is not null)
            {
                _openAhead.Add(request);
            }
        }
    }

    private void LeavePlace(FetchRequest request)
    {
        _reading--;
        if (request.StartedAhead)
        {
            _readingAhead--;
            if (_prioritized is not null)
            {
                _openAhead.Remove(request);
            }
        }
    }

    private async Task ReadAsync(FetchRequest request)
    {
        string? error = null;
        FetchBuffer? buffer = null;
        CancellationTokenSource? cancellation = null;
        bool waited = false;
        try
        {
            Rent(request.Fetch.Bytes, out buffer, out cancellation);
            request.Start(cancellation);
            request.Fetch.ReadSince = Stopwatch.GetTimestamp();
            Memory<byte> destination = buffer.Memory[..request.Fetch.Bytes];
            ValueTask read = _prioritized is null
                ? _source.ReadAsync(request.Fetch.Offset, destination, cancellation.Token)
                : _prioritized.ReadAsync(request.Fetch.Offset, destination, request.IsAwaited, cancellation.Token);
            waited = !read.IsCompleted;
            await read.ConfigureAwait(false);
        }
        catch (Exception exception) // a source may be anyone's code
        {
            error = exception is OperationCanceledException ? FetchRequest.CancelledBySource : exception.Message;
        }

        bool wanted = request.TryEnd();
        _deadlines.Remove(request);
        lock (_lock)
        {
            LeavePlace(request);
            if (wanted && cancellation?.TryReset() == true)
            {
                _cancellations.Push(cancellation);
            }

            if (buffer is not null && (!wanted || error is not null))
            {
                Return(buffer);
                buffer = null;
            }
        }

        if (waited)
        {
            StartNext(); // who called us does, if we are still in its call
        }

        if (wanted)
        {
            request.Fetch.Buffer = buffer;
            request.Fetch.Complete(error);
        }
    }

    private void Rent(int bytes, out FetchBuffer buffer, out CancellationTokenSource cancellation)
    {
        lock (_lock)
        {
            cancellation = _cancellations.TryPop(out CancellationTokenSource? used) ? used : new CancellationTokenSource();
            while (_buffers.TryPop(out FetchBuffer? free))
            {
                _pooledBytes -= free.Bytes;
                if (free.Bytes >= bytes)
                {
                    buffer = free;
                    return;
                }

                free.Free(); // too small once is too small again
            }
        }

        buffer = new FetchBuffer(Math.Max(bytes, (int)BackgroundFill.RunBytes));
    }

    private void Return(FetchBuffer buffer)
    {
        if (_pooledBytes + buffer.Bytes <= MaxPooledBytes)
        {
            _pooledBytes += buffer.Bytes;
            _buffers.Push(buffer);
        }
        else
        {
            buffer.Free();
        }
    }
}
