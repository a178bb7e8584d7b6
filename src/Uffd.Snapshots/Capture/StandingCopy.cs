using System.Diagnostics;
using System.Globalization;
using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>The way of kernels without WP_ASYNC: the process stands while all of it is copied.</summary>
internal sealed class StandingCopy : IStoppedWork
{
    private readonly CapturePlan _plan;
    private readonly PageCopier _copier;
    private readonly PopulatedPages _pages;
    private readonly int _processId;
    private readonly CancellationToken _cancellation;
    private readonly List<ThreadRegisters> _registers = [];
    private DateTimeOffset _instant;

    private StandingCopy(CapturePlan plan, PageCopier copier, PopulatedPages pages, int processId, CancellationToken cancellation)
    {
        _plan = plan;
        _copier = copier;
        _pages = pages;
        _processId = processId;
        _cancellation = cancellation;
    }

    /// <summary>Takes a snapshot so.</summary>
    public static SnapshotReport Take(Tracee tracee, int processId, ISnapshotSink sink, ProcessSnapshotOptions options, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        var copied = new RangeSet();
        using var memory = ProcessMemory.Open(processId);
        using var maps = MapsSnapshot.Open(processId);
        using var copier = new PageCopier(memory, sink, copied, new RangeSet(), Math.Max(4UL << 20, (ulong)options.BufferBytes));
        using var pages = new PopulatedPages(processId);
        var plan = new CapturePlan(processId, new RegionPolicy(options.CoreDumpFilter ?? RegionPolicy.FilterOf(processId)), maps);
        plan.Refresh();
        var copy = new StandingCopy(plan, copier, pages, processId, cancellation);
        TimeSpan pause = tracee.RunStopped(copy);
        cancellation.ThrowIfCancellationRequested();
        IReadOnlyList<SnapshotRegion> regions = [.. plan.Regions.Select(region => new SnapshotRegion(region.Mapping, region.Content))];
        sink.Complete(ProcessStateReader.Read(processId, copy._registers, copy._registers.Count, regions, copy._instant));
        return new SnapshotReport
        {
            AttachPause = TimeSpan.Zero,
            FinalPause = pause,
            Rounds = [new SnapshotRound((long)(copied.Length / (ulong)Environment.SystemPageSize), pause)],
            Pages = (long)(copied.Length / (ulong)Environment.SystemPageSize),
            CopiedBytes = (long)copier.CopiedBytes,
            FileBytes = sink.StoredBytes,
            Duration = Stopwatch.GetElapsedTime(start),
            Threads = copy._registers.Count,
            Warnings = [string.Create(CultureInfo.InvariantCulture, $"the process stood for all of the copy, {pause.TotalMilliseconds:0} ms: to copy it while it runs, Linux 6.7 or later is needed")],
        };
    }

    /// <inheritdoc/>
    public void Run(StoppedProcess process)
    {
        _instant = DateTimeOffset.UtcNow;
        for (int index = 0; index < process.ThreadCount; index++)
        {
            var registers = new ThreadRegisters();
            if (process.ReadRegisters(index, registers) != Errno.None)
            {
                throw WriteTracking.Gone();
            }

            _registers.Add(registers);
        }

        _plan.RefreshStanding();
        foreach (CaptureRegion region in _plan.Regions.Where(region => region.Content != RegionContent.None))
        {
            _cancellation.ThrowIfCancellationRequested(); // it goes on, whatever is thrown here
            foreach (AddressRange run in Parts(region))
            {
                _copier.Add(run);
            }
        }

        _copier.Flush();
    }

    private IEnumerable<AddressRange> Parts(CaptureRegion region)
    {
        if (region.KeepsHeader)
        {
            _copier.Add(new AddressRange(region.Range.Start, (ulong)Environment.SystemPageSize));
        }

        return region.IsConstant ? [region.Range] // its pages need not be in the page tables
            : region.IsBackedByFile ? SharedContent.Find(_processId, region.Mapping)
            : _pages.Find(region.Range, region.Content == RegionContent.Changed);
    }
}
