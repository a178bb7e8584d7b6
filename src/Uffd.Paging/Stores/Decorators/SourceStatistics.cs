namespace Uffd.Paging;

/// <summary>What a source was asked for so far. Counts only grow, but for <paramref name="InFlight"/>.</summary>
/// <param name="Reads">Reads that succeeded.</param>
/// <param name="Bytes">What they brought.</param>
/// <param name="Failures">Reads that failed.</param>
/// <param name="Cancellations">Reads that ended because nobody wanted them any more.</param>
/// <param name="InFlight">Reads that have begun and not ended.</param>
/// <param name="Latency">How long the reads took that succeeded.</param>
public sealed record SourceStatistics(long Reads, long Bytes, long Failures, long Cancellations, int InFlight, LatencyHistogram Latency);
