using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// A <see cref="PagedRegion"/> as memory that can be moved while it is used. Its content is read from its store: each round begins with saving what was written
/// (<see cref="PagedRegion.Flush"/>), so pages that are in memory and pages that had to go are moved alike, and a page that is in memory stays there.
/// </summary>
/// <remarks>
/// The last round's flush is part of the downtime: over a store in memory it costs a scan of the page tables and a copy of what was written, over a file also
/// the time until that is durable. While a lease that may write is held its pages are saved in every round.
/// </remarks>
/// <param name="region">The region. Not disposed with this.</param>
/// <param name="store">The store that it was made over. Not disposed with this.</param>
public sealed class PagedRegionMemory(PagedRegion region, TrackedPageStore store) : IMigrationMemory
{
    /// <inheritdoc/>
    public ulong Length { get; } = (store.Length + WirePage.Bytes - 1) / WirePage.Bytes * WirePage.Bytes;

    /// <inheritdoc/>
    public int Concurrency => store.Concurrency;

    /// <inheritdoc/>
    public SourceRun GetRun(ulong offset, ulong length)
        => offset >= store.Length ? new SourceRun(length, SourceRunKind.Zero) : store.GetRun(offset, Math.Min(length, store.Length - offset));

    /// <inheritdoc/>
    public DirectAccess GetDirect(ulong offset, ulong length, out ulong address) => store.GetDirect(offset, length, out address);

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> destination) => store.ReadWhileWritten(offset, destination);

    /// <inheritdoc/>
    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => store.ReadWhileWrittenAsync(offset, destination, cancellation);

    /// <inheritdoc/>
    /// <remarks>What was written before is saved first, so that the first round finds it, and need not be told it again.</remarks>
    public void StartTracking()
    {
        Flush();
        store.Written.Start();
    }

    /// <inheritdoc/>
    public void TakeWritten(ICollection<SourceRange> written)
    {
        Flush(); // every write that has ended is in the store when this returns, and is noted there
        store.Written.Take(written);
    }

    /// <inheritdoc/>
    public void StopTracking() => store.Written.Stop();

    /// <summary>Leaves the region and its store as they are.</summary>
    public void Dispose()
    {
    }

    private void Flush()
    {
        try
        {
            region.Flush();
        }
        catch (ObjectDisposedException exception)
        {
            throw new IOException("the region that is moved was disposed", exception);
        }
    }
}
