namespace Uffd.Paging;

/// <summary>How many pages there are of each kind.</summary>
internal sealed class PageCounts
{
    private readonly long[] _pages = new long[4];
    private long _compressedBytes;

    /// <summary>A page was one thing and is another.</summary>
    public void Changed(PageEntry before, PageEntry after)
    {
        if (before.Kind != after.Kind)
        {
            Interlocked.Decrement(ref _pages[(int)before.Kind]);
            Interlocked.Increment(ref _pages[(int)after.Kind]);
        }

        long bytes = CompressedBytes(after) - CompressedBytes(before);
        if (bytes != 0)
        {
            Interlocked.Add(ref _compressedBytes, bytes);
        }
    }

    /// <summary>What is held now.</summary>
    public CompressedMemoryPageStoreStatistics ToStatistics(ulong pages, ulong bytesHeld, long moves)
    {
        // Between two numbers something may have changed: no count shows as less than none.
        ulong pattern = Of(PageKind.Pattern), compressed = Of(PageKind.Compressed), plain = Of(PageKind.Plain);
        return new CompressedMemoryPageStoreStatistics(
            pages - Math.Min(pages, pattern + compressed + plain),
            pattern,
            compressed,
            plain,
            (ulong)Math.Max(0, Interlocked.Read(ref _compressedBytes)),
            bytesHeld,
            moves);
    }

    private static int CompressedBytes(PageEntry entry) => entry.Kind == PageKind.Compressed ? entry.BlobBytes : 0;

    private ulong Of(PageKind kind) => (ulong)Math.Max(0, Interlocked.Read(ref _pages[(int)kind]));
}
