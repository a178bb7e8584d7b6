namespace Uffd.Paging;

/// <summary>
/// Takes its time before each read, for tests and measurements: a fast source in the place of a slow one. A pause is never shorter
/// than it should be; timers may make it a millisecond longer. It sets no limit of its own to how many wait at once.
/// </summary>
public sealed class DelayedPageSource : PageSourceDecorator
{
    private readonly SourceLatency _latency;
    private readonly TimeProvider _clock;
    private readonly Dice _dice;

    /// <summary>Stands on a source.</summary>
    /// <param name="inner">What is read from after the pause.</param>
    /// <param name="latency">How long the pauses are.</param>
    /// <param name="concurrency">
    /// What <see cref="Concurrency"/> tells, or what the inner source tells where that is less: 0 makes it a source that is slow and
    /// does not know it.
    /// </param>
    /// <param name="seed">What the pauses are drawn with.</param>
    /// <param name="clock">The clock; null for the system's.</param>
    /// <param name="ownsInner">Whether disposing this disposes that.</param>
    public DelayedPageSource(
        IPageSource inner, SourceLatency latency, int concurrency = 64, ulong seed = 0, TimeProvider? clock = null, bool ownsInner = true)
        : base(inner, ownsInner)
    {
        ArgumentNullException.ThrowIfNull(latency);
        ArgumentOutOfRangeException.ThrowIfNegative(concurrency);
        _latency = latency;
        _clock = clock ?? TimeProvider.System;
        _dice = new Dice(seed);
        Concurrency = inner.Concurrency > 0 ? Math.Min(inner.Concurrency, concurrency) : concurrency;
    }

    /// <inheritdoc/>
    public override int Concurrency { get; }

    /// <inheritdoc/>
    protected override bool AllowsDirectAccess => false;

    /// <inheritdoc/>
    public override void Read(ulong offset, Span<byte> destination)
    {
        _clock.Pause(_latency.At(_dice.Roll()), CancellationToken.None);
        Inner.Read(offset, destination);
    }

    /// <inheritdoc/>
    public override async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        await _clock.PauseAsync(_latency.At(_dice.Roll()), cancellation).ConfigureAwait(false);
        await ReadInnerAsync(offset, destination, cancellation).ConfigureAwait(false);
    }
}
