using System.Collections.Frozen;

namespace Uffd.Paging;

/// <summary>
/// Fails some reads with an <see cref="IOException"/>, for tests. A read that does not fail gives the right bytes; one that fails
/// gives none.
/// </summary>
public sealed class FaultyPageSource : PageSourceDecorator
{
    private readonly FaultyOptions _options;
    private readonly SortedRanges _ranges;
    private readonly FrozenSet<long> _numbers;
    private readonly Dice _dice;
    private long _reads;
    private long _failures;

    /// <summary>Stands on a source.</summary>
    /// <param name="inner">Where the reads that do not fail go.</param>
    /// <param name="options">Which fail.</param>
    /// <param name="ownsInner">Whether disposing this disposes that.</param>
    public FaultyPageSource(IPageSource inner, FaultyOptions options, bool ownsInner = true)
        : base(inner, ownsInner)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Rate is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Rate, "the rate is from 0 to 1");
        }

        _options = options;
        _ranges = new SortedRanges(options.Ranges);
        _numbers = options.Reads.ToFrozenSet();
        _dice = new Dice(options.Seed);
    }

    /// <summary>How many reads there were.</summary>
    public long Reads => Interlocked.Read(ref _reads);

    /// <summary>How many of them failed.</summary>
    public long Failures => Interlocked.Read(ref _failures);

    /// <inheritdoc/>
    protected override bool AllowsDirectAccess => false;

    /// <inheritdoc/>
    public override void Read(ulong offset, Span<byte> destination)
    {
        if (NextFails(offset, destination.Length, out long number))
        {
            _options.Clock.Pause(_options.Delay, CancellationToken.None);
            throw Failure(number, offset, destination.Length);
        }

        Inner.Read(offset, destination);
    }

    /// <inheritdoc/>
    public override async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        if (NextFails(offset, destination.Length, out long number))
        {
            await _options.Clock.PauseAsync(_options.Delay, cancellation).ConfigureAwait(false);
            throw Failure(number, offset, destination.Length);
        }

        await ReadInnerAsync(offset, destination, cancellation).ConfigureAwait(false);
    }

    private bool NextFails(ulong offset, int length, out long number)
    {
        number = Interlocked.Increment(ref _reads);
        return _dice.At(number) < _options.Rate || _numbers.Contains(number) || _ranges.Overlaps(offset, (ulong)length);
    }

    private IOException Failure(long number, ulong offset, int length)
    {
        Interlocked.Increment(ref _failures);
        return new IOException($"read {number}, of {length} bytes at {offset}, fails on purpose");
    }
}
