namespace Uffd.Paging;

/// <summary>
/// A store that stands on another and changes how that is read and written. All that is known without reading is passed on; every way to
/// read and to write is left to be written, for whoever changes one and forgets the other is passed by.
/// </summary>
public abstract class PageStoreDecorator : PageSourceDecorator, IPageStore
{
    /// <param name="inner">What it stands on.</param>
    /// <param name="ownsInner">Whether disposing this disposes that.</param>
    protected PageStoreDecorator(IPageStore inner, bool ownsInner = true)
        : base(inner, ownsInner)
        => Inner = inner;

    /// <summary>What it stands on.</summary>
    protected new IPageStore Inner { get; }

    /// <inheritdoc/>
    public abstract void Write(ulong offset, ReadOnlySpan<byte> source);

    /// <inheritdoc/>
    public abstract ValueTask WriteAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation);

    /// <inheritdoc/>
    public abstract void Flush();

    /// <summary>Writes to what it stands on in the way that that asks for: here and now where it is quick.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="source">Whole pages.</param>
    /// <param name="cancellation">Cancelled when nobody waits any more.</param>
    protected ValueTask WriteInnerAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation)
        => Inner.WriteAnyAsync(offset, source, cancellation);
}
