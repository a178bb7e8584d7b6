namespace Uffd.Paging;

/// <summary>Sizes of what is in a journal.</summary>
internal static class JournalLayout
{
    /// <summary>The bytes of a block and of a page; all begins at a multiple of it.</summary>
    public const int BlockBytes = PageEntry.PageBytes;

    /// <summary>Blocks of headers, before all others.</summary>
    public const uint HeaderBlocks = 2;

    /// <summary>The bytes of a commit record before its pages.</summary>
    public const int RecordHeadBytes = 32;

    /// <summary>The bytes of a page in a commit record.</summary>
    public const int RecordEntryBytes = 16;

    /// <summary>The bytes of a commit record, which is written in whole blocks.</summary>
    public static ulong RecordBytes(ulong pages) => RecordHeadBytes + (pages * RecordEntryBytes);

    /// <summary>The blocks of a commit record.</summary>
    public static ulong RecordBlocks(ulong pages) => (RecordBytes(pages) + BlockBytes - 1) / BlockBytes;
}
