namespace Uffd.Paging;

/// <summary>How stores that stand on others write to them, and what a write may ask for.</summary>
internal static class StoreAccess
{
    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;

    /// <summary>Writes in the way that the store asks for: a quick one here and now.</summary>
    public static ValueTask WriteAnyAsync(this IPageStore store, ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation)
    {
        if (store.Concurrency > 0)
        {
            return store.WriteAsync(offset, source, cancellation);
        }

        if (cancellation.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellation);
        }

        try
        {
            store.Write(offset, source.Span);
            return ValueTask.CompletedTask;
        }
        catch (Exception exception)
        {
            return ValueTask.FromException(exception);
        }
    }

    /// <summary>Refuses what is not whole pages of the store.</summary>
    /// <returns>How many of the bytes lie before the store's end: what is behind it is not written.</returns>
    /// <exception cref="ArgumentException">They are not whole pages, or lie outside.</exception>
    public static int RequirePages(this IPageStore store, ulong offset, int length)
    {
        ulong bytes = (ulong)length;
        if (offset % PageSize != 0 || bytes % PageSize != 0)
        {
            throw new ArgumentException($"a store is written in whole pages of {PageSize} bytes, and not {length} bytes at {offset}", nameof(offset));
        }

        return bytes == 0 || (offset < store.Length && bytes - PageSize < store.Length - offset)
            ? store.AvailableAt(offset, length)
            : throw new ArgumentOutOfRangeException(nameof(offset), $"{length} bytes at {offset} are not inside a store of {store.Length} bytes");
    }
}
