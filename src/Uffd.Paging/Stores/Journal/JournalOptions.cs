namespace Uffd.Paging;

/// <summary>How a <see cref="JournaledPageStore"/> keeps its journal.</summary>
public sealed record JournalOptions
{
    /// <summary>
    /// The most bytes of the journal's file, at least 64 KiB. A write between two flushes that does not fit is an <see cref="IOException"/>, and
    /// stays one until a flush has emptied the journal. Each page that is written between two flushes takes 4,112. Default: 4 GiB.
    /// </summary>
    public ulong MaxBytes { get; init; } = 4UL << 30;

    /// <summary>
    /// Names the store that the journal belongs to, so that it is not replayed into another of the same length. Written when the journal is
    /// made, and compared from then on. Default: all zeros, by which only the length is compared.
    /// </summary>
    public Guid StoreIdentity { get; init; }
}
