namespace Uffd.Paging;

/// <summary>
/// Counts reads, writes and flushes, and how long they take. All bytes are read then, those too that could be copied from where they are, so
/// that none is missed.
/// </summary>
public sealed class MeteredPageStore : PageStoreDecorator
{
    private readonly MeteredPageSource _reads;
    private readonly MeteredPageSource _writes;
    private readonly MeteredPageSource _flushes;

    /// <summary>Stands on a store.</summary>
    /// <param name="inner">What is counted.</param>
    /// <param name="clock">The clock; null for the system's.</param>
    /// <param name="ownsInner">Whether disposing this disposes that.</param>
    public MeteredPageStore(IPageStore inner, TimeProvider? clock = null, bool ownsInner = true)
        : base(inner, ownsInner)
    {
        _reads = new MeteredPageSource(inner, clock: clock, ownsInner: false);
        _writes = new MeteredPageSource(new WritesAsReads(inner), clock: clock, ownsInner: false);
        _flushes = new MeteredPageSource(new FlushesAsReads(inner), clock: clock, ownsInner: false);
    }

    /// <inheritdoc/>
    protected override bool AllowsDirectAccess => false;

    /// <summary>What was counted so far: a copy of some numbers, taken without holding up anybody. They are not of one moment.</summary>
    public StoreStatistics GetStatistics() => new(_reads.GetStatistics(), _writes.GetStatistics(), _flushes.GetStatistics());

    /// <inheritdoc/>
    public override void Read(ulong offset, Span<byte> destination) => _reads.Read(offset, destination);

    /// <inheritdoc/>
    public override ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => _reads.ReadAsync(offset, destination, cancellation);

    /// <inheritdoc/>
    public override void Write(ulong offset, ReadOnlySpan<byte> source) => _writes.Read(offset, WritesAsReads.Bytes(source));

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation)
        => _writes.ReadAsync(offset, WritesAsReads.Bytes(source), cancellation);

    /// <inheritdoc/>
    public override void Flush() => _flushes.Read(0, []);
}
