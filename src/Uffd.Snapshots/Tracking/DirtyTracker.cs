using System.Diagnostics;
using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// Follows which pages are written, of this process or another, without stopping it between samples (WP_ASYNC, PAGEMAP_SCAN; Linux 6.7). A write may be told
/// twice, in two samples that follow each other; none is lost. Memory that was mapped since the sample before counts as written where it has pages. Not for
/// several threads at once.
/// </summary>
public sealed class DirtyTracker : IDisposable
{
    private readonly int _processId;
    private readonly WriteTracking _tracking;
    private readonly PageRegionBuffer _runs = new(16 * 1024);
    private readonly RangeSet _protected = new();
    private IReadOnlyList<MappedRegion> _regions = [];
    private long _last;

    private DirtyTracker(int processId, WriteTracking tracking, TimeSpan attachPause)
    {
        _processId = processId;
        _tracking = tracking;
        AttachPause = attachPause;
    }

    /// <summary>How long the process stood when its userfaultfd was taken; zero for this process itself.</summary>
    public TimeSpan AttachPause { get; }

    /// <summary>Begins to follow a process.</summary>
    /// <param name="processId">Its id; this process's own is followed without tracing.</param>
    /// <exception cref="UffdException">It cannot be traced, or the kernel lacks WP_ASYNC.</exception>
    public static DirtyTracker Attach(int processId)
    {
        Userfaultfd.Require(UffdFeatures.WriteProtectAsync);
        Userfaultfd uffd;
        TimeSpan pause = TimeSpan.Zero;
        if (processId == Environment.ProcessId)
        {
            uffd = Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = UffdFeatures.WriteProtectAsync });
        }
        else
        {
            using Tracee tracee = Tracee.Open(processId);
            uffd = tracee.TakeUserfaultfd(UffdFeatures.WriteProtectAsync, out pause);
        }

        var tracker = new DirtyTracker(processId, new WriteTracking(uffd, processId), pause);
        try
        {
            tracker.Sample();
            return tracker;
        }
        catch
        {
            tracker.Dispose();
            throw;
        }
    }

    /// <summary>What was written since the last sample, or since the beginning.</summary>
    /// <exception cref="UffdException">ESRCH: the process ended or replaced its program.</exception>
    public DirtySample Sample()
    {
        if (!_tracking.IsAlive)
        {
            throw WriteTracking.Gone();
        }

        IReadOnlyList<MappedRegion> regions = MemoryMap.Read(_processId).Regions;
        var known = new HashSet<MappedRegion>(_regions);
        var mappings = new List<DirtyMapping>();
        foreach (MappedRegion region in regions)
        {
            if (WriteTracking.CanFollow(region) && (known.Contains(region) || _tracking.TryFollow(region.Range)) && Look(region) is { } found)
            {
                mappings.Add(found);
            }
        }

        long now = Stopwatch.GetTimestamp();
        TimeSpan interval = _last == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_last, now);
        (_last, _regions) = (now, regions);
        return new DirtySample(interval, mappings);
    }

    /// <summary>Ends it: the protection is taken away again.</summary>
    public void Dispose()
    {
        if (_tracking.IsAlive)
        {
            foreach (MappedRegion region in _regions)
            {
                _tracking.Release(region.Range, _protected.Within(region.Range));
            }
        }

        _tracking.Dispose();
    }

    /// <returns>Null where the mapping is gone, or cannot be followed.</returns>
    private DirtyMapping? Look(MappedRegion region)
    {
        PagemapScanOptions query = PageQueries.Whole.PresentAndProtect;
        for (int attempt = 0; attempt < 2; attempt++)
        {
            _runs.Clear();
            Errno answer = _tracking.ScanAll(region.Range, query, _runs);
            if (answer == Errno.None)
            {
                return Found(region, everything: attempt > 0);
            }

            if (answer == Errno.ESRCH)
            {
                throw WriteTracking.Gone();
            }

            // Another mapping lies at the same place, or there is none any more. What was protected before the scan failed was not told: all counts.
            if (!_tracking.TryFollow(region.Range))
            {
                return null;
            }
        }

        return null;
    }

    private DirtyMapping Found(MappedRegion region, bool everything)
    {
        ulong resident = 0;
        var written = new RangeSet();
        for (int index = 0; index < _runs.Count; index++)
        {
            PageRegion run = _runs[index];
            if (PageQueries.IsPopulated(run.Categories))
            {
                resident += run.Range.Length;
                _protected.Add(run.Range);
                if (everything || PageQueries.IsWritten(run.Categories))
                {
                    written.Add(run.Range);
                }
            }
        }

        return new DirtyMapping(region, resident, written.Ranges);
    }
}
