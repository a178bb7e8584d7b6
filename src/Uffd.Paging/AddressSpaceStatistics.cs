namespace Uffd.Paging;

/// <summary>
/// What was done for an address space so far, or for all of a <see cref="Pager"/>. Counts of pages are in pages of each region's
/// own size. docs/metrics.md tells what each says when things are slow.
/// </summary>
public sealed record AddressSpaceStatistics
{
    /// <summary>Page faults read.</summary>
    public long Faults { get; init; }

    /// <summary>Of these, those on a page that was missing and that nobody had begun to bring.</summary>
    public long MissingFaults { get; init; }

    /// <summary>Of these, those whose page was there or on its way already.</summary>
    public long DuplicateFaults { get; init; }

    /// <summary>Of these, those of a write to a protected page.</summary>
    public long WriteProtectFaults { get; init; }

    /// <summary>Of these, those on a page that is in the page cache and not mapped.</summary>
    public long MinorFaults { get; init; }

    /// <summary>Faults on registered memory that belongs to no region, each time that one is looked at.</summary>
    public long OutsideFaults { get; init; }

    /// <summary>Pages filled because a fault waited.</summary>
    public long DemandPages { get; init; }

    /// <summary>Pages filled by the background fill.</summary>
    public long BackgroundPages { get; init; }

    /// <summary>Pages filled because a recorded working set has them.</summary>
    public long ReplayedPages { get; init; }

    /// <summary>Pages filled because a fault nearby made them likely to be touched next.</summary>
    public long ReadAheadPages { get; init; }

    /// <summary>Read-ahead pages that the thread they were brought for went past.</summary>
    public long PrefetchHits { get; init; }

    /// <summary>Read-ahead pages whose thread went elsewhere.</summary>
    public long PrefetchWaste { get; init; }

    /// <summary>Pages filled, for whatever reason.</summary>
    public long FilledPages => DemandPages + ReadAheadPages + ReplayedPages + BackgroundPages;

    /// <summary>Of all pages filled, those that were mapped as zeros and not copied.</summary>
    public long ZeroPages { get; init; }

    /// <summary>Bytes copied into the process.</summary>
    public long CopiedBytes { get; init; }

    /// <summary>Of all pages filled, those that were mapped from a shared image and not copied.</summary>
    public long SharedPages { get; init; }

    /// <summary>Bytes that are there now: brought, and not discarded or unmapped since.</summary>
    public long ResidentBytes { get; init; }

    /// <summary>Pages that the process discarded.</summary>
    public long RemovedPages { get; init; }

    /// <summary>Pages poisoned because their content could not be had.</summary>
    public long PoisonedPages { get; init; }

    /// <summary>Failed attempts to get a page's content.</summary>
    public long SourceFailures { get; init; }

    /// <summary>Times that a source was asked again for a page that a fault waits for, because it had failed.</summary>
    public long SourceRetries { get; init; }

    /// <summary>Fills tried again because the address space was changing (EAGAIN).</summary>
    public long Retries { get; init; }

    /// <summary>Fills that found the page there (EEXIST).</summary>
    public long AlreadyPresent { get; init; }

    /// <summary>Events of the process that were applied: remove, unmap, remap, fork.</summary>
    public long Events { get; init; }

    /// <summary>Pages of the regions that are still to come.</summary>
    public long PendingPages { get; init; }

    /// <summary>Pages of the regions as handed over.</summary>
    public long TotalPages { get; init; }

    /// <summary>Bytes of the regions as handed over.</summary>
    public long TotalBytes { get; init; }

    /// <summary>How long demand fills took, from the reading of the fault until its page was installed.</summary>
    public LatencyHistogram FillLatency { get; init; } = new();

    /// <summary>How long reads of a source took, of whatever length. A source in memory, as a mapped file is, may not be read at all.</summary>
    public LatencyHistogram SourceLatency { get; init; } = new();
}
