namespace Uffd.Paging;

/// <summary>What a <see cref="CompressedMemoryPageStore"/> holds: numbers taken one after the other while others write.</summary>
/// <param name="ZeroPages">Pages of 4 KiB of zeros, those that nobody has written among them. They cost nothing.</param>
/// <param name="PatternPages">Pages full of the same four bytes. They cost their entry in the table.</param>
/// <param name="CompressedPages">Pages that are kept compressed.</param>
/// <param name="PlainPages">Pages that would not shrink by an eighth, kept as they are.</param>
/// <param name="BytesCompressed">What the compressed pages take, without what is lost to rounding.</param>
/// <param name="BytesHeld">
/// The memory that all of it takes, the table and free room included. About 8 bytes a page come on top, in the garbage collector's memory.
/// </param>
/// <param name="Moves">How often a compressed page was moved so that memory could be given back.</param>
public sealed record CompressedMemoryPageStoreStatistics(
    ulong ZeroPages, ulong PatternPages, ulong CompressedPages, ulong PlainPages, ulong BytesCompressed, ulong BytesHeld, long Moves)
{
    /// <summary>The bytes of all pages that are not zeros, as they are read.</summary>
    public ulong BytesStored => (PatternPages + CompressedPages + PlainPages) * PageEntry.PageBytes;

    /// <summary>How many bytes are stored in each that is held; 0 when none is held.</summary>
    public double Ratio => BytesHeld == 0 ? 0 : (double)BytesStored / BytesHeld;
}
