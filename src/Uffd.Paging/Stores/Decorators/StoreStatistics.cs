namespace Uffd.Paging;

/// <summary>What a store was asked for so far.</summary>
/// <param name="Reads">What was read.</param>
/// <param name="Writes">The same of writes.</param>
/// <param name="Flushes">The same of flushes, which have no bytes.</param>
public sealed record StoreStatistics(SourceStatistics Reads, SourceStatistics Writes, SourceStatistics Flushes);
