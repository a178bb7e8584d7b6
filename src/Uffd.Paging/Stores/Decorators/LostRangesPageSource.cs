namespace Uffd.Paging;

/// <summary>
/// Tells that some of a source's bytes are lost (<see cref="SourceRunKind.Poisoned"/>), such as pages that did not arrive before a
/// migration's other side was gone. A page with any of them is poisoned without being asked for, and who touches it gets SIGBUS.
/// </summary>
public sealed class LostRangesPageSource : PageSourceDecorator
{
    private readonly SortedRanges _lost;

    /// <summary>Stands on a source.</summary>
    /// <param name="inner">What has the other bytes. It is never asked for those that are lost.</param>
    /// <param name="lost">In any order; they may overlap and need not be whole pages.</param>
    /// <param name="ownsInner">Whether disposing this disposes that.</param>
    /// <exception cref="ArgumentException">A range reaches beyond the largest offset.</exception>
    public LostRangesPageSource(IPageSource inner, IEnumerable<SourceRange> lost, bool ownsInner = true)
        : base(inner, ownsInner)
    {
        ArgumentNullException.ThrowIfNull(lost);
        _lost = new SortedRanges(lost);
    }

    /// <inheritdoc/>
    protected override bool AllowsDirectAccess => true;

    /// <inheritdoc/>
    public override SourceRun GetRun(ulong offset, ulong length)
        => _lost.Contains(offset, length, out ulong same) ? new SourceRun(same, SourceRunKind.Poisoned) : Inner.GetRun(offset, same);

    /// <inheritdoc/>
    public override DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
    {
        address = 0;
        return _lost.Overlaps(offset, length) ? DirectAccess.None : base.GetDirect(offset, length, out address);
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">Some of the bytes are lost, or cannot be had now.</exception>
    public override void Read(ulong offset, Span<byte> destination)
    {
        ThrowIfLost(offset, destination.Length);
        Inner.Read(offset, destination);
    }

    /// <inheritdoc/>
    public override ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        try
        {
            ThrowIfLost(offset, destination.Length);
        }
        catch (IOException exception)
        {
            return ValueTask.FromException(exception);
        }

        return ReadInnerAsync(offset, destination, cancellation);
    }

    private void ThrowIfLost(ulong offset, int length)
    {
        if (_lost.Overlaps(offset, (ulong)length))
        {
            throw new IOException($"some of the {length} bytes at {offset} are lost");
        }
    }
}
