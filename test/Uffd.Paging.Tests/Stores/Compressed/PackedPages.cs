namespace Uffd.Paging.Tests.Stores;

/// <summary>Pages that shrink as far as one wants.</summary>
internal static class PackedPages
{
    public const int Page = 4096;

    /// <summary>A page of which so many bytes cannot be foreseen; the others are zeros.</summary>
    /// <param name="seed">Which one.</param>
    /// <param name="entropy">From 0 to 4,096.</param>
    public static byte[] Make(int seed, int entropy)
    {
        byte[] page = new byte[Page];
        new Random(seed).NextBytes(page.AsSpan(0, entropy));
        return page;
    }

    public static byte[] Read(IPageSource store, ulong offset, int length = Page)
    {
        byte[] bytes = new byte[length];
        bytes.AsSpan().Fill(0xdd); // not zeros by luck
        store.Read(offset, bytes);
        return bytes;
    }
}
