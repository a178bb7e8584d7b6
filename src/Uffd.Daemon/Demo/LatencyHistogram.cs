namespace Uffd.Daemon.Demo;

/// <summary>
/// Counts of durations in buckets that grow by an eighth of a power of two, so that a percentile is exact to about 9 %. Small
/// enough to send to another process.
/// </summary>
public sealed class LatencyHistogram
{
    private const int StepsPerDoubling = 8;
    private const int Buckets = 40 * StepsPerDoubling;

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
    /// <param name="nanoseconds">At least 1 counts as such.</param>
    public void Add(long nanoseconds)
    {
        int bucket = nanoseconds <= 1 ? 0 : (int)(Math.Log2(nanoseconds) * StepsPerDoubling);
        _counts[Math.Clamp(bucket, 0, Buckets - 1)]++;
    }

    /// <summary>The counts, without the empty ones at the end.</summary>
    public IReadOnlyList<long> ToCounts() => _counts[..(Array.FindLastIndex(_counts, count => count != 0) + 1)];

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
                return _counts[bucket] == 0 ? 0 : Math.Pow(2, (bucket + 0.5) / StepsPerDoubling);
            }
        }

        return 0;
    }

    /// <summary>Whole powers of two for drawing: each bar's upper end in nanoseconds and its count; empty ends are left out.</summary>
    public IReadOnlyList<(double UpToNanoseconds, long Count)> ToDoublings()
    {
        var bars = new List<(double UpToNanoseconds, long Count)>();
        for (int doubling = 0; doubling < Buckets / StepsPerDoubling; doubling++)
        {
            bars.Add((Math.Pow(2, doubling + 1), _counts.Skip(doubling * StepsPerDoubling).Take(StepsPerDoubling).Sum()));
        }

        int first = bars.FindIndex(bar => bar.Count > 0);
        int last = bars.FindLastIndex(bar => bar.Count > 0);
        return first < 0 ? [] : bars[first..(last + 1)];
    }
}
