namespace Uffd.Paging;

/// <summary>Where a page's bytes lie in the journal.</summary>
/// <param name="Block">The number of the block.</param>
/// <param name="Checksum">The CRC32C of its bytes.</param>
internal readonly record struct JournalPlace(uint Block, uint Checksum);

/// <summary>A page of a commit.</summary>
/// <param name="Page">Its number in the store.</param>
/// <param name="Place">Where its bytes are.</param>
internal readonly record struct JournalEntry(ulong Page, JournalPlace Place);

/// <summary>Where a commit record is.</summary>
/// <param name="Block">Its first block.</param>
/// <param name="Pages">How many pages it has.</param>
/// <param name="Checksum">The CRC32C of all of it.</param>
internal readonly record struct JournalRecordPlace(ulong Block, ulong Pages, uint Checksum);

/// <summary>A commit that has been prepared: which pages, and where that is written.</summary>
/// <param name="Entries">In order of pages, each once.</param>
/// <param name="Record">Where they are written down.</param>
internal sealed record JournalCommit(JournalEntry[] Entries, JournalRecordPlace Record)
{
    /// <summary>Whether the header that says so is known to be durable.</summary>
    public bool IsDurable { get; set; }
}
