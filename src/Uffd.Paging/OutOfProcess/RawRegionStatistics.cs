namespace Uffd.Paging;

/// <summary>What the pager process of a <see cref="RawPagedRegion"/> has counted since its start. A page is 4 KiB on x86-64.</summary>
public sealed record RawRegionStatistics
{
    /// <summary>Bytes of the region in memory, and those for which a page on its way has taken room.</summary>
    public ulong ResidentBytes { get; init; }

    /// <summary>Bytes in memory that the store does not have yet.</summary>
    public ulong DirtyBytes { get; init; }

    /// <summary>Bytes of memory that the region takes, as the kernel counts them.</summary>
    public ulong MemoryBytes { get; init; }

    /// <summary>Touches that met a missing page, each as often as it was told.</summary>
    public long MissingFaults { get; init; }

    /// <summary>Writes that met a page which was as in the store.</summary>
    public long WriteFaults { get; init; }

    /// <summary>Pages brought from the store, asked for or ahead.</summary>
    public long FilledPages { get; init; }

    /// <summary>Pages written to the store.</summary>
    public long WrittenPages { get; init; }

    /// <summary>Pages that left memory.</summary>
    public long EvictedPages { get; init; }

    /// <summary>Pages that came back soon after they had left: many mean that the limit is too small for what is in use.</summary>
    public long ReturnedPages { get; init; }

    /// <summary>Faults that waited for room: many mean that the store takes writes too slowly.</summary>
    public long ParkedFaults { get; init; }

    /// <summary>Reads that failed, each attempt.</summary>
    public long ReadFailures { get; init; }

    /// <summary>Writes that failed, each attempt.</summary>
    public long WriteFailures { get; init; }

    /// <summary>Pages that were poisoned because they could not be had.</summary>
    public long PoisonedPages { get; init; }
}
