using System.Collections.Immutable;

namespace Uffd.Paging;

/// <summary>What a source was asked for so far. Counts only grow, but for <paramref name="InFlight"/>.</summary>
/// <param name="Reads">Reads that succeeded.</param>
/// <param name="Bytes">What they brought.</param>
/// <param name="Failures">Reads that failed.</param>
/// <param name="Cancellations">Reads that ended because nobody wanted them any more.</param>
/// <param name="InFlight">Reads that have begun and not ended.</param>
/// <param name="Latencies">
/// Successful reads by how long they took: the first counts those of less than a microsecond, each further one those of less than
/// twice the time of the one before, the last all others. <see cref="LatencyLimit"/> tells the times.
/// </param>
public sealed record SourceStatistics(long Reads, long Bytes, long Failures, long Cancellations, int InFlight, ImmutableArray<long> Latencies)
{
    /// <summary>How many counts <see cref="Latencies"/> has: the last begins at 17 s.</summary>
    public const int Buckets = 26;

    /// <summary>The time below which the reads of a count lie.</summary>
    /// <param name="bucket">Which, from 0.</param>
    public static TimeSpan LatencyLimit(int bucket)
        => bucket < Buckets - 1 ? TimeSpan.FromMicroseconds(1L << bucket) : TimeSpan.MaxValue;

    /// <summary>A time that a share of the successful reads did not exceed, as exact as the counts: at most twice too long.</summary>
    /// <param name="share">0.5 for the median.</param>
    /// <returns>0 when there was none.</returns>
    public TimeSpan LatencyOf(double share)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(share);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(share, 1);
        double wanted = Latencies.Sum() * share;
        long counted = 0;
        for (int bucket = 0; bucket < Latencies.Length; bucket++)
        {
            counted += Latencies[bucket];
            if (counted > 0 && counted >= wanted)
            {
                return LatencyLimit(bucket);
            }
        }

        return TimeSpan.Zero;
    }

    /// <summary>Which count a time belongs to.</summary>
    internal static int BucketOf(TimeSpan elapsed)
    {
        ulong microseconds = (ulong)Math.Max(0, elapsed.Ticks / TimeSpan.TicksPerMicrosecond);
        return Math.Min(64 - System.Numerics.BitOperations.LeadingZeroCount(microseconds), Buckets - 1);
    }
}
