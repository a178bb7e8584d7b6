namespace Uffd.Paging;

/// <summary>
/// Where pages come from and go back to. All members may be called from several threads at once, but never two writes of one
/// page, and no read of a page while it is written. Length, <see cref="IPageSource.Read"/>, <see cref="Write"/> and
/// <see cref="Flush"/> are all that one's own must have.
/// </summary>
/// <remarks>
/// A region reads and writes whole pages, from buffers that are aligned to pages: a store that goes past the page cache needs
/// no buffer of its own. Bytes of the last page behind <see cref="IPageSource.Length"/> are zeros when read and ignored when
/// written. What <see cref="IPageSource.GetDirect"/> gives must show what was written.
/// </remarks>
public interface IPageStore : IPageSource
{
    /// <summary>
    /// Writes bytes; may block. When it returns, reads give them. They are durable when a later <see cref="Flush"/> has returned.
    /// </summary>
    /// <param name="offset">Where: a multiple of the page's size, below <see cref="IPageSource.Length"/>.</param>
    /// <param name="source">Whole pages. Valid until the call returns.</param>
    /// <exception cref="IOException">They could not be written; what is there now of these pages is unknown. The region keeps them and tries again.</exception>
    void Write(ulong offset, ReadOnlySpan<byte> source);

    /// <summary>
    /// Writes without holding up a thread. Used only where <see cref="IPageSource.Concurrency"/> is above 0: then up to so many
    /// writes are under way at once. By default it is <see cref="Write"/>.
    /// </summary>
    /// <param name="offset">Where.</param>
    /// <param name="source">Whole pages of native memory, valid until the task ends.</param>
    /// <param name="cancellation">Cancelled when nobody waits any more.</param>
    ValueTask WriteAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Write(offset, source.Span);
        return ValueTask.CompletedTask;
    }

    /// <summary>Makes durable what was written: returns when every write that ended before it began survives a loss of power.</summary>
    /// <exception cref="IOException">Some of it may be lost; which is not known.</exception>
    void Flush();
}
