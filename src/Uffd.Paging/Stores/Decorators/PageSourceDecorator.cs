namespace Uffd.Paging;

/// <summary>
/// A source that stands on another and changes how that is read. All that is known without reading is passed on; both ways to read
/// are left to be written, for whoever changes one and forgets the other is passed by.
/// </summary>
public abstract class PageSourceDecorator : IPageSource
{
    private readonly bool _ownsInner;

    /// <param name="inner">What it stands on.</param>
    /// <param name="ownsInner">Whether disposing this disposes that.</param>
    protected PageSourceDecorator(IPageSource inner, bool ownsInner = true)
    {
        ArgumentNullException.ThrowIfNull(inner);
        Inner = inner;
        _ownsInner = ownsInner;
    }

    /// <inheritdoc/>
    public virtual ulong Length => Inner.Length;

    /// <inheritdoc/>
    public virtual int Concurrency => Inner.Concurrency;

    /// <summary>What it stands on.</summary>
    protected IPageSource Inner { get; }

    /// <summary>
    /// Whether bytes that are in memory may be taken from there. Then nothing is read, and a decorator that counts, delays or fails
    /// reads never hears of them.
    /// </summary>
    protected abstract bool AllowsDirectAccess { get; }

    /// <inheritdoc/>
    public virtual SourceRun GetRun(ulong offset, ulong length) => Inner.GetRun(offset, length);

    /// <inheritdoc/>
    public virtual DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
    {
        if (AllowsDirectAccess)
        {
            return Inner.GetDirect(offset, length, out address);
        }

        address = 0;
        return DirectAccess.None;
    }

    /// <inheritdoc/>
    public abstract void Read(ulong offset, Span<byte> destination);

    /// <inheritdoc/>
    public abstract ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives up what it holds.</summary>
    /// <param name="disposing">Always true: there is no finalizer.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing && _ownsInner)
        {
            Inner.Dispose();
        }
    }

    /// <summary>Reads from what it stands on in the way that that asks for: here and now where it is quick.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="destination">Filled whole.</param>
    /// <param name="cancellation">Cancelled when nobody wants it any more.</param>
    protected ValueTask ReadInnerAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
        => Inner.ReadAnyAsync(offset, destination, cancellation);
}
