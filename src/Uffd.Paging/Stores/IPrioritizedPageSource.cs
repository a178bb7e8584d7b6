namespace Uffd.Paging;

/// <summary>A source that does better when it knows whether somebody waits for a read: over a network those go ahead of all others.</summary>
public interface IPrioritizedPageSource : IPageSource
{
    /// <summary>As <see cref="IPageSource.ReadAsync"/>, which is the same with somebody waiting.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="destination">Filled whole.</param>
    /// <param name="isAwaited">Whether a thread waits for one of these pages now.</param>
    /// <param name="cancellation">Cancelled when nobody wants it any more.</param>
    ValueTask ReadAsync(ulong offset, Memory<byte> destination, bool isAwaited, CancellationToken cancellation);
}
