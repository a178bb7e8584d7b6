namespace Uffd.Paging;

/// <summary>
/// Takes its time before each read, write and flush, for tests and measurements: a fast store in the place of a slow one. Pauses are those of a
/// <see cref="DelayedPageSource"/>.
/// </summary>
public sealed class DelayedPageStore : PageStoreDecorator
{
    private readonly DelayedPageSource _reads;
    private readonly DelayedPageSource _writes;
    private readonly DelayedPageSource _flushes;

    /// <summary>Stands on a store.</summary>
    /// <param name="inner">What is read and written after the pause.</param>
    /// <param name="reads">How long the pauses before reads are.</param>
    /// <param name="writes">Those before writes; null for none.</param>
    /// <param name="flushes">Those before flushes; null for none.</param>
    /// <param name="concurrency">
    /// What <see cref="Concurrency"/> tells, or what the inner store tells where that is less: 0 makes it a store that is slow and
    /// does not know it.
    /// </param>
    /// <param name="seed">What the pauses are drawn with.</param>
    /// <param name="clock">The clock; null for the system's.</param>
    /// <param name="ownsInner">Whether disposing this disposes that.</param>
    public DelayedPageStore(
        IPageStore inner,
        SourceLatency reads,
        SourceLatency? writes = null,
        SourceLatency? flushes = null,
        int concurrency = 64,
        ulong seed = 0,
        TimeProvider? clock = null,
        bool ownsInner = true)
        : base(inner, ownsInner)
    {
        SourceLatency none = SourceLatency.Fixed(TimeSpan.Zero);
        _reads = new DelayedPageSource(inner, reads, concurrency, seed, clock, ownsInner: false);
        _writes = new DelayedPageSource(new WritesAsReads(inner), writes ?? none, concurrency, unchecked(seed + 1), clock, ownsInner: false);
        _flushes = new DelayedPageSource(new FlushesAsReads(inner), flushes ?? none, concurrency, unchecked(seed + 2), clock, ownsInner: false);
    }

    /// <inheritdoc/>
    public override int Concurrency => _reads.Concurrency;

    /// <inheritdoc/>
    protected override bool AllowsDirectAccess => false;

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
