namespace Uffd.Paging;

/// <summary>What was done for an address space so far. Counts of pages are in pages of each region's own size.</summary>
/// <param name="Faults">Page faults read.</param>
/// <param name="DuplicateFaults">Of these, those whose page was there or on its way already.</param>
/// <param name="DemandPages">Pages filled because a fault waited.</param>
/// <param name="BackgroundPages">Pages filled by the background fill.</param>
/// <param name="ReadAheadPages">Pages filled because a fault nearby made them likely to be touched next.</param>
/// <param name="ReplayedPages">Pages filled because a recorded working set has them.</param>
/// <param name="ZeroPages">Of all these, those that were mapped as zeros and not copied.</param>
/// <param name="CopiedBytes">Bytes copied into the process.</param>
/// <param name="RemovedPages">Pages that the process discarded.</param>
/// <param name="PoisonedPages">Pages poisoned because their content could not be had.</param>
/// <param name="SourceFailures">Failed attempts to get a page's content.</param>
/// <param name="Retries">Fills tried again because the address space was changing (EAGAIN).</param>
/// <param name="AlreadyPresent">Fills that found the page there (EEXIST).</param>
/// <param name="Events">Events of the process that were applied: remove, unmap, remap, fork.</param>
/// <param name="OutsideFaults">Faults on registered memory that belongs to no region.</param>
/// <param name="PrefetchHits">Read-ahead pages that the thread they were brought for went past.</param>
/// <param name="PrefetchWaste">Read-ahead pages whose thread went elsewhere.</param>
/// <param name="PendingPages">Pages of the regions that are still to come.</param>
/// <param name="TotalPages">Pages of the regions as handed over.</param>
public sealed record AddressSpaceStatistics(
    long Faults,
    long DuplicateFaults,
    long DemandPages,
    long BackgroundPages,
    long ReadAheadPages,
    long ReplayedPages,
    long ZeroPages,
    long CopiedBytes,
    long RemovedPages,
    long PoisonedPages,
    long SourceFailures,
    long Retries,
    long AlreadyPresent,
    long Events,
    long OutsideFaults,
    long PrefetchHits,
    long PrefetchWaste,
    long PendingPages,
    long TotalPages)
{
    /// <summary>Pages filled, for whatever reason.</summary>
    public long FilledPages => DemandPages + ReadAheadPages + ReplayedPages + BackgroundPages;
}

/// <summary>The counters behind <see cref="AddressSpaceStatistics"/>, bumped by the fault loop and the background fill.</summary>
internal sealed class SpaceCounters
{
    public long Faults;
    public long DuplicateFaults;
    public long DemandPages;
    public long BackgroundPages;
    public long ReadAheadPages;
    public long ReplayedPages;
    public long ZeroPages;
    public long CopiedBytes;
    public long RemovedPages;
    public long PoisonedPages;
    public long SourceFailures;
    public long Retries;
    public long AlreadyPresent;
    public long Events;
    public long OutsideFaults;
    public long PrefetchHits;
    public long PrefetchWaste;

    public static void Add(ref long counter, long amount = 1) => Interlocked.Add(ref counter, amount);

    public AddressSpaceStatistics Snapshot(long pending, long total) => new(
        Volatile.Read(ref Faults),
        Volatile.Read(ref DuplicateFaults),
        Volatile.Read(ref DemandPages),
        Volatile.Read(ref BackgroundPages),
        Volatile.Read(ref ReadAheadPages),
        Volatile.Read(ref ReplayedPages),
        Volatile.Read(ref ZeroPages),
        Volatile.Read(ref CopiedBytes),
        Volatile.Read(ref RemovedPages),
        Volatile.Read(ref PoisonedPages),
        Volatile.Read(ref SourceFailures),
        Volatile.Read(ref Retries),
        Volatile.Read(ref AlreadyPresent),
        Volatile.Read(ref Events),
        Volatile.Read(ref OutsideFaults),
        Volatile.Read(ref PrefetchHits),
        Volatile.Read(ref PrefetchWaste),
        pending,
        total);
}
