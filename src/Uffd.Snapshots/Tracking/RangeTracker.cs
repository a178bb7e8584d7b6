using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// Follows which pages of given ranges are written or discarded, of this process or another, without stopping it (WP_ASYNC, PAGEMAP_SCAN; Linux 6.7). A change may be told
/// twice; none is lost. Cheaper than <see cref="DirtyTracker"/>, which follows all that a process maps: nothing but the pages is looked at. Not for several threads at once.
/// </summary>
/// <remarks>
/// The kernel tells of a write by a bit that is missing in the page table, and of a discard not at all: the pages that were there are remembered, and those of them that are
/// not any more have been discarded. A page may come and go between two looks, which is seen by neither: whoever reads pages says so first (<see cref="NoteRead"/>), so that what
/// was read of such a one is known to be of no use any more. A page that is read before it was ever written is told as written: its zeros are there from then on. What others do to shared memory through their own mappings is not seen, but for what they punch out of its file.
/// </remarks>
internal sealed partial class RangeTracker : IDisposable
{
    private const long MostPagesLetGo = 512; // at once: the process's memory map is locked for about 0.1 ms

    private readonly Userfaultfd _uffd;
    private readonly PagemapScan _scan;
    private readonly FollowedRanges _ranges;
    private readonly int _processId;
    private readonly PageBitmap _held;
    private readonly SharedHoles?[] _holes;
    private readonly PageRegionBuffer _runs = new(16 * 1024);
    private UffdException? _gone;

    private RangeTracker(Userfaultfd uffd, int processId, FollowedRanges ranges)
    {
        _uffd = uffd;
        _processId = processId;
        _ranges = ranges;
        _held = new PageBitmap(ranges.Pages);
        _holes = new SharedHoles?[ranges.Parts.Count];
        try
        {
            _scan = PagemapScan.Open(processId);
            for (int index = 0; index < _holes.Length; index++)
            {
                _holes[index] = ranges.Parts[index].Absent == AbsentContent.OfSharedFile ? new SharedHoles(processId, ranges.Parts[index]) : null;
            }
        }
        catch
        {
            _scan?.Dispose();
            Array.ForEach(_holes, hole => hole?.Dispose());
            throw;
        }
    }

    /// <summary>How long the process stood when its userfaultfd was taken; zero for this process itself.</summary>
    public TimeSpan AttachPause { get; private init; }

    /// <summary>Begins to follow.</summary>
    /// <param name="processId">The process; this one's own is followed without tracing.</param>
    /// <param name="ranges">What of it.</param>
    /// <exception cref="UffdException">It cannot be followed: another userfaultfd has a part, the process cannot be traced, the kernel lacks WP_ASYNC.</exception>
    public static RangeTracker Attach(int processId, FollowedRanges ranges)
    {
        Userfaultfd.Require(UffdFeatures.WriteProtectAsync);
        Userfaultfd uffd = Take(processId, out TimeSpan pause);
        try
        {
            var tracker = new RangeTracker(uffd, processId, ranges) { AttachPause = pause };
            try
            {
                tracker.Begin();
                return tracker;
            }
            catch
            {
                tracker.Dispose();
                throw;
            }
        }
        catch
        {
            uffd.Dispose();
            throw;
        }
    }

    /// <summary>Called before pages are read, on any thread: they count as there, whatever the last look found.</summary>
    public void NoteRead(long from, long end) => _held.Set(from, end);

    /// <summary>The first page that was there when it was looked at last, or has been read since. For parts of shared files; on any thread.</summary>
    public long FindHeld(long from, long end) => _held.FindSet(from, end);

    /// <summary>The first page that was not.</summary>
    public long FindNotHeld(long from, long end) => _held.FindClear(from, end);

    /// <summary>Tells what was written or discarded since the last time, or since the beginning.</summary>
    /// <param name="changed">Told of each run: the first page's number, and the one behind the last.</param>
    /// <exception cref="UffdException">The memory is gone: the process ended, or has unmapped or replaced some of it.</exception>
    public void Take(Action<long, long> changed)
    {
        if (_gone is not null)
        {
            throw _gone;
        }

        for (int index = 0; index < _holes.Length; index++)
        {
            FollowedPart part = _ranges.Parts[index];
            if (part.Absent == AbsentContent.Zeros && UnmarkedPages.AreFoundWhereAbsent)
            {
                TakeQuickly(part, changed);
                continue;
            }

            TakeWritten(part, part.Range, PageQueries.Whole.WrittenAndProtect, changed);
            if (_holes[index] is { } holes)
            {
                foreach ((long first, long end) in holes.Find())
                {
                    Drop(first, end, changed);
                }
            }

            TakeDiscarded(part, part.Range, changed);
        }

        RequireMapped();
    }

    /// <summary>Ends it: the protection is taken away again, in small pieces.</summary>
    public void Dispose()
    {
        if (_gone is null)
        {
            foreach (FollowedPart part in _ranges.Parts)
            {
                LetGo(part);
            }
        }

        _uffd.Dispose();
        _scan.Dispose();
        Array.ForEach(_holes, hole => hole?.Dispose());
    }

    private static Userfaultfd Take(int processId, out TimeSpan pause)
    {
        if (processId == Environment.ProcessId)
        {
            pause = TimeSpan.Zero;
            return Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = UffdFeatures.WriteProtectAsync });
        }

        using Tracee tracee = Tracee.Open(processId);
        return tracee.TakeUserfaultfd(UffdFeatures.WriteProtectAsync, out pause);
    }

    private void Begin()
    {
        for (int index = 0; index < _holes.Length; index++)
        {
            FollowedPart part = _ranges.Parts[index];
            Errno answer = _uffd.TryRegister(part.Range, UffdRegisterModes.WriteProtect);
            if (answer != Errno.None)
            {
                throw new UffdException($"the memory {part.Range} cannot be followed", answer, answer == Errno.EBUSY ? "another userfaultfd has it" : null);
            }

            if (_holes[index] is { } holes)
            {
                long at = part.FirstPage;
                foreach ((long first, long end) in holes.Find())
                {
                    _held.Set(at, first);
                    at = end;
                }

                _held.Set(at, part.EndPage);
            }

            TakeWritten(part, part.Range, PageQueries.Whole.PresentAndProtect, changed: null);
            TakeDiscarded(part, part.Range, changed: null);
        }

        Take(static (_, _) => { }); // what is compiled now is not while the process stands
    }

    /// <summary>Finds pages and protects them in the same step.</summary>
    private void TakeWritten(FollowedPart part, AddressRange within, PagemapScanOptions query, Action<long, long>? changed)
    {
        for (AddressRange rest = within; !rest.IsEmpty;)
        {
            rest = Scan(rest, query);
            for (int index = 0; index < _runs.Count; index++)
            {
                PageRegion run = _runs[index];
                if (PageQueries.IsPopulated(run.Categories))
                {
                    (long first, long end) = (part.PageOf(run.Range.Start), part.PageOf(run.Range.End));
                    _held.Set(first, end);
                    changed?.Invoke(first, end);
                }
            }
        }
    }

    /// <summary>Finds pages that were there and are not, and whether all is still mapped.</summary>
    private void TakeDiscarded(FollowedPart part, AddressRange within, Action<long, long>? changed)
    {
        ulong seen = within.Start;
        for (AddressRange rest = within; !rest.IsEmpty;)
        {
            rest = Scan(rest, PageQueries.Whole.KindsFollowed);
            for (int index = 0; index < _runs.Count; index++)
            {
                PageRegion run = _runs[index];
                if (run.Range.Start > seen)
                {
                    throw Fail(NotThere(part, seen));
                }

                seen = Math.Max(seen, run.Range.End);
                if (part.Absent == AbsentContent.OfFile && (run.Categories & PageCategories.Swapped) != 0)
                {
                    Unmark(part, run.Range, changed);
                }
                else if (!PageQueries.IsPopulated(run.Categories) && part.Absent != AbsentContent.OfSharedFile)
                {
                    Drop(part.PageOf(run.Range.Start), part.PageOf(run.Range.End), changed);
                }
            }
        }

        if (seen < within.End)
        {
            throw Fail(NotThere(part, seen));
        }
    }

    /// <summary>
    /// In a private mapping of a file a page that is discarded leaves the mark of its protection behind, and looks as if it had been swapped out. Both are told, and the marks are
    /// taken away.
    /// </summary>
    private void Unmark(FollowedPart part, AddressRange range, Action<long, long>? changed)
    {
        UffdResult result = _uffd.WriteProtect(range, UffdWriteProtectModes.Unprotect);
        if (!result.IsComplete)
        {
            throw Fail(result.Errno == Errno.ESRCH ? WriteTracking.Gone() : new UffdException($"the protection of {range} cannot be taken away", result.Errno));
        }

        (long first, long end) = (part.PageOf(range.Start), part.PageOf(range.End));
        _held.Clear(first, end);
        changed?.Invoke(first, end);
    }

    /// <summary>Those of a run of pages that were there have been discarded.</summary>
    private void Drop(long from, long end, Action<long, long>? changed)
    {
        while ((from = _held.FindSet(from, end)) < end)
        {
            long next = _held.FindClear(from, end);
            _held.Clear(from, next);
            changed?.Invoke(from, next);
            from = next;
        }
    }

    /// <summary>Asks as far as there is room.</summary>
    /// <returns>What is left of the range.</returns>
    private AddressRange Scan(AddressRange range, PagemapScanOptions query, PageRegionBuffer? runs = null)
    {
        runs ??= _runs;
        runs.Clear();
        Errno answer = _scan.TryScan(range, query, runs, out PagemapScanResult result);
        if (answer != Errno.None)
        {
            // What it had protected before it failed is not told: it cannot go on.
            throw Fail(answer switch
            {
                Errno.ESRCH => WriteTracking.Gone(),
                Errno.EPERM => new UffdException($"some of the memory {range} was replaced by other memory while it was followed", answer),
                _ => new UffdException($"PAGEMAP_SCAN of {range}", answer),
            });
        }

        return AddressRange.FromBounds(Math.Max(result.WalkEnd, range.Start), range.End);
    }

    private UffdException NotThere(FollowedPart part, ulong address)
        => _uffd.IsTargetAlive()
            ? new UffdException($"the memory {part.Range} was unmapped or moved while it was followed, from {address:x} on", Errno.ENOMEM)
            : WriteTracking.Gone();

    private UffdException Fail(UffdException failure) => _gone = failure;

    private void LetGo(FollowedPart part)
    {
        long from = part.FirstPage, pages = 0;
        for (long at = from; (at = _held.FindSet(at, part.EndPage)) < part.EndPage;)
        {
            long next = Math.Min(_held.FindClear(at, part.EndPage), at + MostPagesLetGo - pages);
            (pages, at) = (pages + next - at, next);
            if (pages == MostPagesLetGo)
            {
                _uffd.Unregister(part.RangeOf(from, at));
                (from, pages) = (at, 0);
            }
        }

        if (from < part.EndPage)
        {
            _uffd.Unregister(part.RangeOf(from, part.EndPage));
        }
    }
}
