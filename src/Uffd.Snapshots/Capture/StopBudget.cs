namespace Uffd.Snapshots;

/// <summary>How many pages a stop has time for, from what stops and copies took before.</summary>
/// <param name="allowed">How long the stop may take.</param>
internal sealed class StopBudget(TimeSpan allowed)
{
    private const long FewestPages = 32; // below this, waiting for fewer gains nothing: the stop itself costs as much
    private double _pagesPerMillisecond = 300; // 1.2 GB/s, in pages scattered one by one

    /// <summary>What a stop takes without copying: stopping the threads, looking at the mappings, asking for the pages.</summary>
    public TimeSpan Fixed { get; set; }

    /// <summary>Pages that fit.</summary>
    public long Pages => Math.Max(FewestPages, (long)((allowed - Fixed).TotalMilliseconds * 0.8 * _pagesPerMillisecond));

    /// <summary>Learns from a copy of scattered pages.</summary>
    public void Learn(long pages, TimeSpan duration)
    {
        if (pages >= FewestPages && duration > TimeSpan.Zero)
        {
            _pagesPerMillisecond = (_pagesPerMillisecond + (pages / duration.TotalMilliseconds)) / 2;
        }
    }
}
