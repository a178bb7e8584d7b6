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
    private readonly RangeSet _untold = new();
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
        if (_untold.Length > 0 || !regions.SequenceEqual(_regions))
        {
            _tracking.Follow(regions, _untold.Add);
        }

        var mappings = new List<DirtyMapping>();
        foreach (MappedRegion region in regions)
        {
            if (!_tracking.IsRefused(region) && Look(region) is { } found)
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
            _tracking.Release(MemoryMap.Read(_processId).Regions, _protected);
        }

        _tracking.Dispose();
    }

    /// <returns>Null where other memory lies there since the mappings were read: it is told with the next sample.</returns>
    private DirtyMapping? Look(MappedRegion region)
    {
        _runs.Clear();
        Errno answer = _tracking.ScanAll(region.Range, PageQueries.Whole.PresentAndProtect, _runs);
        if (answer == Errno.ESRCH)
        {
            throw WriteTracking.Gone();
        }

        if (answer != Errno.None)
        {
            _untold.Add(region.Range); // what was protected before the scan failed was not told
            return null;
        }

        bool everything = _untold.Overlaps(region.Range);
        _untold.Remove(region.Range);
        return Found(region, everything);
    }

    private DirtyMapping Found(MappedRegion region, bool everything)
    {
        ulong resident = 0, end = 0;
        var written = new RangeSet();
        for (int index = 0; index < _runs.Count; index++)
        {
            PageRegion run = _runs[index];
            if (PageQueries.IsPopulated(run.Categories))
            {
                // Where the room for runs is full, the kernel goes on a little before the end of what it told last (measured).
                resident += run.Range.End - Math.Min(Math.Max(run.Range.Start, end), run.Range.End);
                end = Math.Max(run.Range.End, end);
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
