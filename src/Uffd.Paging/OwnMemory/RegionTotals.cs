namespace Uffd.Paging;

/// <summary>What one region or several did; what was counted in pages is in bytes here.</summary>
internal readonly record struct RegionTotals(long Resident, long Misses, long Stalls, long Filled, long Ahead, long Evicted, long Saved, long SaveFailures)
{
    public static RegionTotals Of(RegionCounters counters)
    {
        long pageSize = Environment.SystemPageSize;
        return new RegionTotals(
            counters.Resident * pageSize,
            counters.Misses,
            counters.Stalls,
            counters.Filled * pageSize,
            counters.Ahead * pageSize,
            counters.Evicted * pageSize,
            counters.Saved * pageSize,
            counters.SaveFailures);
    }

    public static RegionTotals operator +(RegionTotals one, RegionTotals other) => new(
        one.Resident + other.Resident,
        one.Misses + other.Misses,
        one.Stalls + other.Stalls,
        one.Filled + other.Filled,
        one.Ahead + other.Ahead,
        one.Evicted + other.Evicted,
        one.Saved + other.Saved,
        one.SaveFailures + other.SaveFailures);
}
