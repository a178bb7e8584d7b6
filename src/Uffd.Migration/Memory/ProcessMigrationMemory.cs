using Uffd.Paging;
using Uffd.Processes;
using Uffd.Snapshots;

namespace Uffd.Migration;

/// <summary>
/// Ranges of a process's memory as one region to be moved, this process's own or another's, while it runs. It is read by process_vm_readv(2), and its writes are followed by
/// asynchronous write-protection (Linux 6.7), which makes the first write to a page in each round slower. Another process stands for a moment when tracking starts, as
/// a userfaultfd is made in it (docs/tracing.md); it must not be this one's child, and only one memory of it can be followed at a time.
/// </summary>
/// <remarks>
/// While it is followed the process must not move the ranges (mremap), unmap them or map over them, nor give them to another userfaultfd: then the memory counts as gone. What it discards
/// (MADV_DONTNEED) and then reads as zeros is told as written. Of shared memory the writes of this process alone are followed: whoever else maps it must not write.
/// </remarks>
public sealed class ProcessMigrationMemory : IMigrationMemory
{
    private const ulong MostAtOnce = 256UL << 20; // of page tables that are looked at for one answer

    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;

    private readonly FollowedRanges _ranges;
    private readonly ProcessMemory _memory;
    private readonly PagemapScan _pages;
    private volatile RangeTracker? _tracker;

    private ProcessMigrationMemory(int processId, FollowedRanges ranges, ProcessMemory memory, PagemapScan pages)
    {
        ProcessId = processId;
        _ranges = ranges;
        _memory = memory;
        _pages = pages;
    }

    /// <summary>The process.</summary>
    public int ProcessId { get; }

    /// <summary>The bytes of all ranges.</summary>
    public ulong Length => (ulong)_ranges.Pages * PageSize;

    /// <summary>How long the process stood when tracking was started last; zero for this process itself.</summary>
    public TimeSpan AttachPause { get; private set; }

    /// <summary>Takes ranges of a process's memory. Nothing is changed in it before <see cref="StartTracking"/>.</summary>
    /// <param name="processId">Its id.</param>
    /// <param name="ranges">Whole pages that are mapped, none overlapping another. Offsets go through them one after the other, in this order.</param>
    /// <exception cref="ArgumentException">The ranges are not so.</exception>
    /// <exception cref="UffdException">ESRCH: no such process; EACCES or EPERM: no ptrace rights over it; ENOMEM: nothing is mapped in some of a range.</exception>
    public static ProcessMigrationMemory Create(int processId, params IReadOnlyList<AddressRange> ranges)
    {
        ArgumentNullException.ThrowIfNull(ranges);
        var memory = ProcessMemory.Open(processId);
        try
        {
            var followed = FollowedRanges.Look(processId, ranges);
            return new ProcessMigrationMemory(processId, followed, memory, PagemapScan.Open(processId));
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>
    /// What is known without reading: private memory that is nowhere is a hole, and a guard region is lost. Shared memory that has nothing is told as a hole only while it is followed.
    /// </summary>
    /// <inheritdoc/>
    public SourceRun GetRun(ulong offset, ulong length)
    {
        if (offset >= Length)
        {
            return new SourceRun(length, SourceRunKind.Zero);
        }

        FollowedPart part = _ranges.Find((long)(offset / PageSize));
        ulong address = part.Range.Start + (offset - ((ulong)part.FirstPage * PageSize));
        var range = new AddressRange(address, Math.Min(Math.Min(length, MostAtOnce), part.Range.End - address));
        return part.Absent == AbsentContent.OfSharedFile ? GetSharedRun(part, range) : GetPrivateRun(part, range);
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">A page is not mapped or cannot be read, or the process is gone.</exception>
    public void Read(ulong offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            if (offset >= Length)
            {
                destination.Clear();
                return;
            }

            FollowedPart part = _ranges.Find((long)(offset / PageSize));
            ulong within = offset - ((ulong)part.FirstPage * PageSize);
            int length = (int)Math.Min((ulong)destination.Length, part.Range.Length - within);
            _tracker?.NoteRead((long)(offset / PageSize), (long)((offset + (ulong)length + PageSize - 1) / PageSize));
            int got = _memory.Read(part.Range.Start + within, destination[..length]);
            if (got < length)
            {
                throw new IOException($"the memory of process {ProcessId} at {part.Range.Start + within + (ulong)got:x} cannot be read");
            }

            destination = destination[length..];
            offset += (ulong)length;
        }
    }

    /// <inheritdoc/>
    public void StartTracking()
    {
        StopTracking();
        var tracker = RangeTracker.Attach(ProcessId, _ranges);
        AttachPause = tracker.AttachPause;
        _tracker = tracker;
    }

    /// <inheritdoc/>
    public void TakeWritten(ICollection<SourceRange> written)
    {
        ArgumentNullException.ThrowIfNull(written);
        RangeTracker tracker = _tracker ?? throw new InvalidOperationException("tracking has not been started");
        tracker.Take((first, end) => written.Add(new SourceRange((ulong)first * PageSize, (ulong)(end - first) * PageSize)));
    }

    /// <inheritdoc/>
    public void StopTracking()
    {
        RangeTracker? tracker = _tracker;
        _tracker = null;
        tracker?.Dispose();
    }

    /// <summary>Lets go of the process, which goes on.</summary>
    public void Dispose()
    {
        StopTracking();
        _pages.Dispose();
        _memory.Dispose();
    }

    private SourceRun GetPrivateRun(FollowedPart part, AddressRange range)
    {
        ulong start = range.Start / PageSize * PageSize;
        var pages = AddressRange.FromBounds(start, (range.End + PageSize - 1) / PageSize * PageSize);
        Span<PageRegion> found = [default];
        try
        {
            if (_pages.Scan(pages, PageQueries.Whole.Kinds, found).Regions == 0)
            {
                return new SourceRun(range.Length, SourceRunKind.Data); // not mapped any more: the read tells
            }
        }
        catch (UffdException)
        {
            return new SourceRun(range.Length, SourceRunKind.Data); // as above
        }

        PageRegion run = found[0];
        bool isFirst = run.Range.Start <= range.Start;
        ulong end = Math.Min(isFirst ? run.Range.End : run.Range.Start, range.End);
        return new SourceRun(end - range.Start, !isFirst ? SourceRunKind.Data : KindOf(run.Categories, part.Absent));
    }

    private static SourceRunKind KindOf(PageCategories page, AbsentContent absent)
        => PageQueries.IsPopulated(page) ? SourceRunKind.Data
            : (page & PageCategories.Guard) != 0 ? SourceRunKind.Poisoned
            : absent == AbsentContent.Zeros ? SourceRunKind.Hole
            : SourceRunKind.Data;

    private SourceRun GetSharedRun(FollowedPart part, AddressRange range)
    {
        if (_tracker is not { } tracker)
        {
            return new SourceRun(range.Length, SourceRunKind.Data);
        }

        long first = part.PageOf(range.Start);
        bool isHeld = tracker.FindHeld(first, first + 1) == first;
        long end = isHeld ? tracker.FindNotHeld(first, part.EndPage) : tracker.FindHeld(first, part.EndPage);
        ulong until = Math.Min(part.RangeOf(first, end).End, range.End);
        return new SourceRun(until - range.Start, isHeld ? SourceRunKind.Data : SourceRunKind.Hole);
    }
}
