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

    /// <summary>
    /// A thread has come to wait for a page of a read that goes on, and that nobody waited for when it was asked for. By default that changes nothing. Must be quick, and not
    /// throw; the read may have ended meanwhile.
    /// </summary>
    /// <param name="offset">Where that read began.</param>
    /// <param name="length">How many bytes it is of.</param>
    void Expedite(ulong offset, int length)
    {
    }
}
