namespace Uffd.Paging;

/// <summary>What may be written to a store.</summary>
internal static class WholePages
{
    /// <summary>Goes on only if a write is of whole pages that begin inside the store.</summary>
    /// <param name="store">The store.</param>
    /// <param name="offset">Where the write begins.</param>
    /// <param name="length">How many bytes it has.</param>
    /// <exception cref="ArgumentException">It is not.</exception>
    public static void Require(IPageStore store, ulong offset, int length)
    {
        const ulong Page = PageEntry.PageBytes;
        if (offset % Page != 0 || (ulong)length % Page != 0)
        {
            throw new ArgumentException($"whole pages of {Page} bytes are written, and not {length} bytes at {offset}", nameof(length));
        }

        ulong end = unchecked(((store.Length - 1) | (Page - 1)) + 1); // the last page's; 0 when that is the largest offset's
        if (length > 0 && (offset >= store.Length || (ulong)length > unchecked(end - offset)))
        {
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"{length} bytes there are not inside the store of {store.Length}");
        }
    }
}
