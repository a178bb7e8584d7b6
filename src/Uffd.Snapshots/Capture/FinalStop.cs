using System.Diagnostics;
using System.Runtime.CompilerServices;
using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// The last round, while every thread stands: what was written since the round before, and every thread's registers. All that it needs is made before, and it
/// is rehearsed on the running process, so that in the stop itself nothing is compiled, allocated or touched for the first time.
/// </summary>
internal sealed class FinalStop : IStoppedWork
{
    private const int Spare = 64;
    private const long RehearsedPages = 256;

    private readonly CapturePlan _plan;
    private readonly WriteTracking _tracking;
    private readonly PageCopier _copier;
    private readonly RangeSet _own;
    private readonly RangeSet _untold;
    private readonly int _processId;
    private readonly PageRegionBuffer _runs = new(64 * 1024);
    private readonly List<ThreadRegisters> _registers = [];
    private readonly List<AddressRange> _forgotten = new(64);
    private readonly List<AddressRange> _again = new(64);
    private bool _isRehearsal;

    /// <param name="plan">The mappings as they were seen last.</param>
    /// <param name="tracking">The process's writes.</param>
    /// <param name="copier">What brings the pages; its own for the stop.</param>
    /// <param name="own">Pages of private mappings of files that were copied because the process had changed them.</param>
    /// <param name="untold">Where pages may have been protected without having been told.</param>
    /// <param name="processId">The process.</param>
    public FinalStop(CapturePlan plan, WriteTracking tracking, PageCopier copier, RangeSet own, RangeSet untold, int processId)
    {
        _plan = plan;
        _tracking = tracking;
        _copier = copier;
        _own = own;
        _untold = untold;
        _processId = processId;
    }

    /// <summary>Pages that are too many for this stop: it copies nothing then and the process goes on. By default none are.</summary>
    public long MostPages { get; set; } = long.MaxValue;

    /// <summary>How many pages were found written.</summary>
    public long Pages { get; private set; }

    /// <summary>Whether they were too many.</summary>
    public bool TooMany => Pages > MostPages;

    /// <summary>Whether the process had ended or replaced its program.</summary>
    public bool IsGone { get; private set; }

    /// <summary>How long the search for them took.</summary>
    public TimeSpan Searching { get; private set; }

    /// <summary>How long their copy took.</summary>
    public TimeSpan Copying { get; private set; }

    /// <summary>The instant at which everything stood.</summary>
    public DateTimeOffset Instant { get; private set; }

    /// <summary>The threads' registers.</summary>
    public IReadOnlyList<ThreadRegisters> Registers { get; private set; } = [];

    /// <summary>How many threads stood: so many of the registers hold.</summary>
    public int Threads { get; private set; }

    /// <summary>The runs that were found: written ones, and absent ones.</summary>
    public PageRegionBuffer Runs => _runs;

    /// <summary>Where what was copied before is not any more: other memory lies there, or a hole of a file.</summary>
    public IReadOnlyList<AddressRange> Forgotten => _forgotten;

    /// <summary>Makes room for threads, and some that are born until the stop.</summary>
    public void Expect(int threads)
    {
        while (_registers.Count < threads + Spare)
        {
            _registers.Add(new ThreadRegisters());
        }
    }

    /// <summary>Does all of it once while the process runs, and forgets what came out.</summary>
    public void Rehearse()
    {
        _isRehearsal = true;
        Run(StoppedProcess.Nobody);
        _isRehearsal = false;
        _copier.Drop();
    }

    /// <summary>What is done last while the process runs: a round, so that the stop finds little.</summary>
    public Action? LastRound { get; set; }

    /// <inheritdoc/>
    public void Prepare() => LastRound?.Invoke();

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(StoppedProcess process)
    {
        Instant = DateTimeOffset.UtcNow;
        long start = Stopwatch.GetTimestamp();
        bool found = Search();
        Searching = Stopwatch.GetElapsedTime(start);
        if (!found || (TooMany && !_isRehearsal))
        {
            return;
        }

        Expect(process.ThreadCount - Spare);
        for (int index = 0; index < process.ThreadCount; index++)
        {
            if (process.ReadRegisters(index, _registers[index]) != Errno.None && !_isRehearsal)
            {
                IsGone = true; // killed while it stood
                return;
            }
        }

        start = Stopwatch.GetTimestamp();
        Copy();
        Copying = Stopwatch.GetElapsedTime(start);
        Registers = _registers;
        Threads = process.ThreadCount;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool Search()
    {
        _plan.RefreshStanding();
        IsGone = !_tracking.IsAlive;
        if (IsGone)
        {
            return false;
        }

        _runs.Clear();
        _forgotten.Clear();
        _again.Clear();
        Pages = 0;
        for (int index = 0; index < _plan.Regions.Count; index++)
        {
            CaptureRegion region = _plan.Regions[index];
            if (region.Content != RegionContent.None && !region.IsConstant)
            {
                int first = _runs.Count;
                if (!Search(region))
                {
                    return false;
                }

                Count(first);
            }
        }

        return true;
    }

    private bool Search(CaptureRegion region)
    {
        int first = _runs.Count;
        if (region.CanBeFollowed && !_untold.Overlaps(region.Range))
        {
            Errno answer = _tracking.ScanAll(region.Range, Query(region), _runs);
            if (answer == Errno.None)
            {
                if (region.IsPrivateFile)
                {
                    SortOwn(region, first);
                }

                AddFileContent(region);
                return true;
            }

            _runs.Truncate(first);
            if (answer == Errno.ESRCH)
            {
                IsGone = true;
                return false;
            }
        }

        region.HasFileContent = false;
        _forgotten.Add(region.Range);

        // Another mapping lies at the same place now, or one that cannot be followed: all that it has is copied, whatever marks of protection it carries.
        AddFileContent(region);
        IsGone = _tracking.ScanAll(region.Range, region.Queries.Present, _runs) == Errno.ESRCH;
        for (int index = first; index < _runs.Count; index++)
        {
            if (PageQueries.IsPopulated(_runs[index].Categories))
            {
                Again(_runs[index].Range);
            }
        }

        _runs.Truncate(first);
        return !IsGone;
    }

    private static PagemapScanOptions Query(CaptureRegion region)
        => region.IsPrivateFile ? region.Queries.PresentFollowed : region.IsShared ? region.Queries.Written : region.Queries.WrittenOrAbsent;

    /// <summary>
    /// A private mapping of a file: what was changed is copied if it was written since. What had been changed, and is not the process's own any more, was discarded: the file's
    /// content is there again, whether or not it has been touched. A page that was discarded and not touched carries a mark of its protection that looks like a page in swap:
    /// what seems to be there is read once more.
    /// </summary>
    private void SortOwn(CaptureRegion region, int first)
    {
        ulong end = region.Range.Start;
        for (int index = first; index < _runs.Count; index++)
        {
            PageRegion run = _runs[index];
            if (run.Range.Start > end) // where the room for runs was full, the next may begin a little before the end of the last
            {
                Dropped(region, AddressRange.FromBounds(end, run.Range.Start));
            }

            end = Math.Max(end, run.Range.End);
            if (PageQueries.IsWritten(run.Categories) || (run.Categories & PageCategories.Present) == 0)
            {
                Again(run.Range);
            }
        }

        Dropped(region, AddressRange.FromBounds(end, region.Range.End));
        _runs.Truncate(first);
    }

    private void Dropped(CaptureRegion region, AddressRange range)
    {
        foreach (AddressRange own in _own.Within(range))
        {
            if (region.IsBackedByFile)
            {
                Again(own);
            }
            else
            {
                _forgotten.Add(own);
            }
        }
    }

    private void Again(AddressRange range)
    {
        _again.Add(range);
        Pages += (long)(range.Length / (ulong)Environment.SystemPageSize);
    }

    /// <summary>
    /// A mapping whose file has content of its own: where that has become a hole since it was copied is told by the file alone, and one that came since the last
    /// look is read whole.
    /// </summary>
    private void AddFileContent(CaptureRegion region)
    {
        if (!region.IsBackedByFile || (!region.IsShared && region.HasFileContent))
        {
            return;
        }

        ulong end = region.Range.Start;
        foreach (AddressRange part in SharedContent.Find(_processId, region.Mapping))
        {
            _forgotten.Add(AddressRange.FromBounds(end, part.Start));
            end = part.End;
            if (!region.HasFileContent)
            {
                Again(part);
            }
        }

        _forgotten.Add(AddressRange.FromBounds(end, region.Range.End));
    }

    private void Count(int first)
    {
        for (int index = first; index < _runs.Count; index++)
        {
            PageRegion run = _runs[index];
            if (PageQueries.IsWritten(run.Categories))
            {
                Pages += (long)(run.Range.Length / (ulong)Environment.SystemPageSize);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Copy()
    {
        long left = _isRehearsal ? RehearsedPages : long.MaxValue;
        for (int index = 0; index < _runs.Count && left > 0; index++)
        {
            PageRegion run = _runs[index];
            if (PageQueries.IsWritten(run.Categories))
            {
                left -= (long)(run.Range.Length / (ulong)Environment.SystemPageSize);
                if (left > 0)
                {
                    _copier.Add(run.Range);
                }
            }
        }

        // Not in the rehearsal: a read brings the file's pages in, and takes away what tells that they were discarded.
        for (int index = 0; index < _again.Count && !_isRehearsal; index++)
        {
            _copier.Add(_again[index]);
        }

        _copier.Read();
    }
}
