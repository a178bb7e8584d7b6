namespace Uffd.Paging;

/// <summary>
/// Counts reads and how long they take. All bytes are read then, those too that could be copied from where they are, so that none
/// is missed: a mapped file is slower for it.
/// </summary>
public sealed class MeteredPageSource : PageSourceDecorator
{
    private readonly ISourceReadObserver? _observer;
    private readonly TimeProvider _clock;
    private readonly LatencyHistogram _latency = new();
    private long _reads;
    private long _bytes;
    private long _failures;
    private long _cancellations;
    private int _inFlight;

    /// <summary>Stands on a source.</summary>
    /// <param name="inner">What is counted.</param>
    /// <param name="observer">Told of every read; null for nobody.</param>
    /// <param name="clock">The clock; null for the system's.</param>
    /// <param name="ownsInner">Whether disposing this disposes that.</param>
    public MeteredPageSource(IPageSource inner, ISourceReadObserver? observer = null, TimeProvider? clock = null, bool ownsInner = true)
        : base(inner, ownsInner)
    {
        _observer = observer;
        _clock = clock ?? TimeProvider.System;
    }

    /// <inheritdoc/>
    protected override bool AllowsDirectAccess => false;

    /// <summary>What was counted so far: a copy of some numbers, taken without holding up anybody. They are not of one moment.</summary>
    public SourceStatistics GetStatistics() => new(
        Interlocked.Read(ref _reads),
        Interlocked.Read(ref _bytes),
        Interlocked.Read(ref _failures),
        Interlocked.Read(ref _cancellations),
        Volatile.Read(ref _inFlight),
        _latency.Snapshot());

    /// <inheritdoc/>
    public override void Read(ulong offset, Span<byte> destination)
    {
        long start = Begin();
        SourceReadResult result = SourceReadResult.Failed;
        try
        {
            Inner.Read(offset, destination);
            result = SourceReadResult.Done;
        }
        finally
        {
            End(start, offset, destination.Length, result);
        }
    }

    /// <inheritdoc/>
    public override async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        long start = Begin();
        SourceReadResult result = SourceReadResult.Failed;
        try
        {
            await ReadInnerAsync(offset, destination, cancellation).ConfigureAwait(false);
            result = SourceReadResult.Done;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            result = SourceReadResult.Cancelled;
            throw;
        }
        finally
        {
            End(start, offset, destination.Length, result);
        }
    }

    private long Begin()
    {
        Interlocked.Increment(ref _inFlight);
        return _clock.GetTimestamp();
    }

    private void End(long start, ulong offset, int length, SourceReadResult result)
    {
        TimeSpan elapsed = _clock.GetElapsedTime(start);
        switch (result)
        {
            case SourceReadResult.Done:
                Interlocked.Increment(ref _reads);
                Interlocked.Add(ref _bytes, length);
                _latency.Add((long)elapsed.TotalNanoseconds);
                break;
            case SourceReadResult.Cancelled:
                Interlocked.Increment(ref _cancellations);
                break;
            default:
                Interlocked.Increment(ref _failures);
                break;
        }

        Interlocked.Decrement(ref _inFlight);
        _observer?.ReadEnded(new SourceRead(offset, length, elapsed, result));
    }
}
