namespace Uffd.Paging;

/// <summary>
/// Takes its time before each read, for tests and measurements: a fast source in the place of a slow one. A pause is never shorter
/// than it should be, and up to some milliseconds longer. Any number may wait at once; of pauses below 50 ms 256, each on a thread.
/// </summary>
public sealed class DelayedPageSource : PageSourceDecorator
{
    // Below it a thread sleeps: timers go by a clock of several milliseconds (one of 2 ms was measured to take 4), threads do not.
    private static readonly TimeSpan ShortPause = TimeSpan.FromMilliseconds(50);

    private readonly SourceLatency _latency;
    private readonly TimeProvider _clock;
    private readonly Dice _dice;
    private readonly Sleeper _sleeper = new();

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
        TimeSpan pause = _latency.At(_dice.Roll());
        if (pause < ShortPause && ReferenceEquals(_clock, TimeProvider.System) && pause > TimeSpan.Zero)
        {
            await BlockingReads.Shared.RunAsync(_sleeper, (ulong)pause.Ticks, default, cancellation).ConfigureAwait(false);
        }
        else
        {
            await _clock.PauseAsync(pause, cancellation).ConfigureAwait(false);
        }

        await ReadInnerAsync(offset, destination, cancellation).ConfigureAwait(false);
    }

    /// <summary>Takes as long as it is asked for the byte at: for threads that wait and bring nothing.</summary>
    private sealed class Sleeper : IPageSource
    {
        public ulong Length => ulong.MaxValue;

        public void Read(ulong offset, Span<byte> destination)
            => TimeProvider.System.Pause(TimeSpan.FromTicks((long)offset), CancellationToken.None);

        public void Dispose()
        {
        }
    }
}
