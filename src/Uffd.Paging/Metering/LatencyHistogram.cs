using System.Diagnostics;
using System.Numerics;

namespace Uffd.Paging;

/// <summary>
/// Counts of durations in buckets that are an eighth of a power of two wide, so that a percentile is exact to about 6 %. Small
/// enough to send to another process. Any thread may add while others do or read; adding allocates nothing.
/// </summary>
public sealed class LatencyHistogram
{
    private const int StepBits = 3;
    private const int StepsPerDoubling = 1 << StepBits;
    private const int Doublings = 40; // up to 18 minutes
    private const int Buckets = Doublings * StepsPerDoubling;
    private const long Longest = (1L << Doublings) - 1;

    private readonly long[] _counts = new long[Buckets];

    /// <summary>Creates an empty histogram.</summary>
    public LatencyHistogram()
    {
    }

    /// <summary>Creates one from counts that <see cref="ToCounts"/> gave.</summary>
    /// <param name="counts">Counts by bucket; what is beyond the last is ignored.</param>
    public LatencyHistogram(IReadOnlyList<long> counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        for (int bucket = 0; bucket < Math.Min(counts.Count, Buckets); bucket++)
        {
            _counts[bucket] = Math.Max(0, counts[bucket]);
        }
    }

    /// <summary>How many durations were counted.</summary>
    public long Count => _counts.Sum();

    /// <summary>Counts a duration.</summary>
    /// <param name="nanoseconds">Less than 1 counts as 1, more than 18 minutes as that.</param>
    public void Add(long nanoseconds)
    {
        nanoseconds = Math.Clamp(nanoseconds, 1, Longest);
        int doubling = BitOperations.Log2((ulong)nanoseconds);
        int step = (int)((nanoseconds << StepBits) >> doubling) & (StepsPerDoubling - 1); // the bits behind the first
        Interlocked.Increment(ref _counts[(doubling << StepBits) | step]);
    }

    /// <summary>Counts all durations of another one too.</summary>
    /// <param name="other">What to count.</param>
    public void Add(LatencyHistogram other)
    {
        ArgumentNullException.ThrowIfNull(other);
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            if (Volatile.Read(ref other._counts[bucket]) is var count and not 0)
            {
                Interlocked.Add(ref _counts[bucket], count);
            }
        }
    }

    /// <summary>The counts, without the empty ones at the end.</summary>
    public IReadOnlyList<long> ToCounts() => _counts[..(Array.FindLastIndex(_counts, count => count != 0) + 1)];

    /// <summary>A copy that stays as it is.</summary>
    public LatencyHistogram Snapshot()
    {
        var copy = new LatencyHistogram();
        copy.Add(this);
        return copy;
    }

    /// <summary>What was counted since an earlier snapshot of the same.</summary>
    /// <param name="earlier">The snapshot; null for an empty one.</param>
    public LatencyHistogram Since(LatencyHistogram? earlier)
        => earlier is null ? Snapshot() : new LatencyHistogram([.. _counts.Zip(earlier._counts, (now, then) => now - then)]);

    /// <summary>The slowest so many, as a histogram of their own.</summary>
    /// <param name="count">How many; all when there are fewer.</param>
    public LatencyHistogram Slowest(long count)
    {
        var slowest = new LatencyHistogram();
        for (int bucket = Buckets - 1; bucket >= 0 && count > 0; bucket--)
        {
            slowest._counts[bucket] = Math.Min(count, _counts[bucket]);
            count -= slowest._counts[bucket];
        }

        return slowest;
    }

    /// <summary>The duration in nanoseconds that a share of all stay within; 0 when there are none.</summary>
    /// <param name="share">From 0 to 1.</param>
    public double Percentile(double share)
    {
        long wanted = Math.Max(1, (long)Math.Ceiling(Count * share));
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            wanted -= _counts[bucket];
            if (wanted <= 0)
            {
                return _counts[bucket] == 0 ? 0 : (LowerEnd(bucket) + LowerEnd(bucket + 1)) / 2;
            }
        }

        return 0;
    }

    /// <summary>Whole powers of two for drawing: each bar's upper end in nanoseconds and its count; empty ends are left out.</summary>
    public IReadOnlyList<(double UpToNanoseconds, long Count)> ToDoublings()
    {
        var bars = new List<(double UpToNanoseconds, long Count)>();
        for (int doubling = 0; doubling < Doublings; doubling++)
        {
            bars.Add((Math.Pow(2, doubling + 1), _counts.Skip(doubling * StepsPerDoubling).Take(StepsPerDoubling).Sum()));
        }

        int first = bars.FindIndex(bar => bar.Count > 0);
        int last = bars.FindLastIndex(bar => bar.Count > 0);
        return first < 0 ? [] : bars[first..(last + 1)];
    }

    /// <summary>The nanoseconds since a timestamp of <see cref="Stopwatch"/>.</summary>
    internal static long NanosecondsSince(long timestamp)
    {
        long ticks = Stopwatch.GetTimestamp() - timestamp;
        return Stopwatch.Frequency == 1_000_000_000 ? ticks : (long)(ticks * (1e9 / Stopwatch.Frequency)); // Linux: a constant to the compiler
    }

    private static double LowerEnd(int bucket)
        => Math.ScaleB(1 + ((bucket & (StepsPerDoubling - 1)) / (double)StepsPerDoubling), bucket >> StepBits);
}
