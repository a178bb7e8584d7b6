using Uffd.Paging;

namespace Uffd.Tool.Output;

/// <summary>What was done, in the lines of <c>uffd serve --json</c> and in <c>uffd status --json</c>. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record ServeCountsJson(
    long Faults,
    long DuplicateFaults,
    long DemandPages,
    long BackgroundPages,
    long ZeroPages,
    long CopiedBytes,
    long RemovedPages,
    long PoisonedPages,
    long SourceFailures,
    long Retries,
    long AlreadyPresent,
    long Events,
    long OutsideFaults,
    long PendingPages,
    long TotalPages,
    long MissingFaults,
    long WriteProtectFaults,
    long MinorFaults,
    long ReplayedPages,
    long ReadAheadPages,
    long PrefetchHits,
    long PrefetchWaste,
    long SourceRetries,
    long ResidentBytes,
    long TotalBytes,
    LatencyJson FillLatency,
    LatencyJson SourceLatency,
    long SharedPages)
{
    public static ServeCountsJson From(AddressSpaceStatistics served) => new(
        served.Faults,
        served.DuplicateFaults,
        served.DemandPages,
        served.BackgroundPages,
        served.ZeroPages,
        served.CopiedBytes,
        served.RemovedPages,
        served.PoisonedPages,
        served.SourceFailures,
        served.Retries,
        served.AlreadyPresent,
        served.Events,
        served.OutsideFaults,
        served.PendingPages,
        served.TotalPages,
        served.MissingFaults,
        served.WriteProtectFaults,
        served.MinorFaults,
        served.ReplayedPages,
        served.ReadAheadPages,
        served.PrefetchHits,
        served.PrefetchWaste,
        served.SourceRetries,
        served.ResidentBytes,
        served.TotalBytes,
        LatencyJson.From(served.FillLatency),
        LatencyJson.From(served.SourceLatency),
        served.SharedPages);
}

/// <summary>How long something took: how often, and the microseconds that half, 99 of 100 and all stayed within, exact to about 6 %.</summary>
internal sealed record LatencyJson(long Count, double P50Us, double P99Us, double MaxUs)
{
    public static LatencyJson From(LatencyHistogram latency) => new(latency.Count, Microseconds(latency, 0.5), Microseconds(latency, 0.99), Microseconds(latency, 1));

    private static double Microseconds(LatencyHistogram latency, double share) => Math.Round(latency.Percentile(share) / 1000, 2);
}
