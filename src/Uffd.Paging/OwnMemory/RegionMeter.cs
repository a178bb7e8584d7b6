using System.Diagnostics.Metrics;

namespace Uffd.Paging;

/// <summary>
/// What the regions of this process did, in the meter "Uffd.Paging" (docs/metrics.md). The counts are looked up when somebody asks; how
/// long the store took is recorded only then.
/// </summary>
internal static class RegionMeter
{
    private static readonly Lock Gate = new();
    private static readonly List<RegionCounters> Living = [];
    private static readonly Meter Meter = new(PagingMeter.Name, typeof(RegionMeter).Assembly.GetName().Version?.ToString(3));

    private static readonly Histogram<double> StoreDuration = Meter.CreateHistogram(
        "uffd.store.duration", "s", "A read, a write or a flush of a page store, of whatever length", tags: null, PagingMeter.Latencies);

    private static RegionTotals s_ended;

    static RegionMeter()
    {
        Count("uffd.region.misses", "{access}", "Accesses that found a page absent", static sum => sum.Misses);
        Count("uffd.region.stalls", "{access}", "Accesses that waited for room until pages were saved", static sum => sum.Stalls);
        Count("uffd.region.read", "By", "Bytes brought from page stores", static sum => sum.Filled);
        Count("uffd.region.ahead", "By", "Of these, bytes brought ahead of accesses", static sum => sum.Ahead);
        Count("uffd.region.evicted", "By", "Bytes taken out to make room", static sum => sum.Evicted);
        Count("uffd.region.written", "By", "Bytes written to page stores", static sum => sum.Saved);
        Count("uffd.region.write.failures", "{failure}", "Times that writing failed in spite of trying again", static sum => sum.SaveFailures);
        Meter.CreateObservableUpDownCounter("uffd.region.resident", () => Sum().Resident, "By", "Bytes of regions that are in memory");
        Meter.CreateObservableUpDownCounter("uffd.regions", () => (long)Now(), "{region}", "Regions");
    }

    /// <summary>Takes in a region.</summary>
    public static void Add(RegionCounters counters)
    {
        lock (Gate)
        {
            Living.Add(counters);
        }
    }

    /// <summary>Keeps what a region did when it ends: counters never go back.</summary>
    public static void Remove(RegionCounters counters)
    {
        lock (Gate)
        {
            if (Living.Remove(counters))
            {
                s_ended += RegionTotals.Of(counters) with { Resident = 0 };
            }
        }
    }

    /// <summary>What to give to <see cref="Took"/>; 0 while nobody listens.</summary>
    public static long Start() => StoreDuration.Enabled ? System.Diagnostics.Stopwatch.GetTimestamp() : 0;

    /// <summary>The store has answered.</summary>
    public static void Took(long start, string operation)
    {
        if (start != 0)
        {
            StoreDuration.Record(System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds, new KeyValuePair<string, object?>("operation", operation));
        }
    }

    private static int Now()
    {
        lock (Gate)
        {
            return Living.Count;
        }
    }

    private static RegionTotals Sum()
    {
        lock (Gate)
        {
            RegionTotals sum = s_ended;
            foreach (RegionCounters one in Living)
            {
                sum += RegionTotals.Of(one);
            }

            return sum;
        }
    }

    private static void Count(string name, string unit, string description, Func<RegionTotals, long> value)
        => Meter.CreateObservableCounter(name, () => value(Sum()), unit, description);
}
