namespace Uffd.Paging;

/// <summary>What a region has done since it was made. Hits are not counted: they cost nothing.</summary>
public sealed record PagedRegionStatistics
{
    /// <summary>Bytes that are in memory.</summary>
    public required ulong ResidentBytes { get; init; }

    /// <summary>Of those, bytes of pages that were written and not saved yet. Asked of the page tables at this moment.</summary>
    public required ulong DirtyBytes { get; init; }

    /// <summary>The most that may be in memory.</summary>
    public required ulong MemoryLimit { get; init; }

    /// <summary>Leases that are held.</summary>
    public required long Leases { get; init; }

    /// <summary>Accesses that found a page absent.</summary>
    public required long Misses { get; init; }

    /// <summary>Bytes brought from the store, those ahead of accesses included.</summary>
    public required ulong ReadBytes { get; init; }

    /// <summary>Of those, bytes brought ahead of accesses.</summary>
    public required ulong AheadBytes { get; init; }

    /// <summary>Bytes that were taken out to make room.</summary>
    public required ulong EvictedBytes { get; init; }

    /// <summary>Bytes written to the store.</summary>
    public required ulong WrittenBytes { get; init; }

    /// <summary>In how many calls.</summary>
    public required long Writes { get; init; }

    /// <summary>How often writing failed in spite of trying again.</summary>
    public required long WriteFailures { get; init; }

    /// <summary>How often an access had to wait until pages were saved to make room for its own. Many of them: a larger limit or a quicker store would help.</summary>
    public required long Stalls { get; init; }
}
