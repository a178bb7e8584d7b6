using System.Diagnostics;
using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>The rounds in which a process is copied while it runs: each finds the pages that were written since they were copied, protects them again in the same step, and copies them.</summary>
internal sealed class CopyRounds
{
    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;

    private readonly int _processId;
    private readonly CapturePlan _plan;
    private readonly WriteTracking _tracking;
    private readonly PageCopier _copier;
    private readonly ProcessMemory _memory;
    private readonly RangeSet _copied;
    private readonly ISnapshotSink _sink;
    private readonly Pacer _pacer;
    private readonly PageRegionBuffer _runs = new(16 * 1024);

    public CopyRounds(int processId, CapturePlan plan, WriteTracking tracking, PageCopier copier, ProcessMemory memory, RangeSet copied, ISnapshotSink sink, Pacer pacer)
    {
        _processId = processId;
        _plan = plan;
        _tracking = tracking;
        _copier = copier;
        _memory = memory;
        _copied = copied;
        _sink = sink;
        _pacer = pacer;
    }

    /// <summary>Pages of private mappings of files that were copied because the process had changed them.</summary>
    public RangeSet Own { get; } = new();

    /// <summary>Where pages may have been protected without having been told: there all that there is counts as written.</summary>
    public RangeSet Untold { get; } = new();

    /// <summary>Pages that the last round found.</summary>
    public long Pages { get; private set; }

    /// <summary>How long the last round looked for pages, without copying them.</summary>
    public TimeSpan Searching { get; private set; }

    /// <summary>How many pages the last round has found so far: for those who watch.</summary>
    public Action<long>? Found { get; set; }

    /// <summary>Goes over the process once.</summary>
    /// <exception cref="UffdException">ESRCH: the process ended, or replaced its program.</exception>
    /// <param name="defers">
    /// Whether what it brings may stay in the buffer: a round of few pages is over sooner so, and what is written meanwhile is less.
    /// </param>
    /// <param name="cancellation">Ends it between two pieces.</param>
    public void Run(bool defers, CancellationToken cancellation)
    {
        _plan.Refresh();
        foreach (CaptureRegion region in _plan.Fresh)
        {
            Begin(region);
        }

        Follow();
        Again(defers, cancellation);
    }

    /// <summary>Goes over the mappings that are known, without looking for others.</summary>
    public void Again(bool defers, CancellationToken cancellation)
    {
        Pages = 0;
        Searching = TimeSpan.Zero;
        _copier.IsPassing = !defers;
        foreach (CaptureRegion region in _plan.Regions)
        {
            if (region.CanBeFollowed)
            {
                CopyFileContent(region); // first: what the process has changed lies over it
                Copy(region, cancellation);
            }
        }

        _copier.Read();
        if (!defers)
        {
            _copier.Store();
        }

        if (!_tracking.IsAlive)
        {
            throw WriteTracking.Gone();
        }
    }

    /// <summary>A mapping that was not seen before: its memory may be new, or part of what was followed already and has been split.</summary>
    private void Begin(CaptureRegion region)
    {
        if (region.IsConstant)
        {
            Keep(region.Range);
        }

        if (!region.CanBeFollowed)
        {
            return;
        }

        if (region.Content == RegionContent.Whole)
        {
            _sink.Expect(region.Range);
        }

        Span<byte> magic = stackalloc byte[4];
        if (region.KeepsHeader && _memory.Read(region.Range.Start, magic) == 4 && magic.SequenceEqual("\x7fELF"u8))
        {
            Keep(new AddressRange(region.Range.Start, PageSize));
        }
    }

    private void Follow()
    {
        if (_plan.Fresh.Count == 0 && Untold.Length == 0)
        {
            return;
        }

        var devices = _plan.Regions.Where(region => region.IsDevice).Select(region => region.Mapping).ToHashSet();
        _tracking.Follow([.. _plan.Regions.Select(region => region.Mapping)], Forget, devices.Contains);
        foreach (CaptureRegion region in _plan.Regions)
        {
            region.IsRefused = _tracking.IsRefused(region.Mapping);
        }
    }

    /// <summary>Stores pages that are not the process's own. They do not count as copied: that they are nowhere in its page tables means nothing.</summary>
    private void Keep(AddressRange pages)
    {
        var content = new byte[pages.Length];
        if (_memory.Read(pages.Start, content) == content.Length)
        {
            _sink.Write(pages.Start, content);
        }
    }

    private void Copy(CaptureRegion region, CancellationToken cancellation)
    {
        AddressRange rest = region.Range;
        PagemapScanOptions query = Untold.Overlaps(rest) ? region.Queries.PresentAndProtect : region.Queries.WrittenAndProtect;
        while (!rest.IsEmpty)
        {
            cancellation.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            Errno answer = _tracking.Scan(rest, query, Emptied(), out ulong walkEnd);
            Searching += Stopwatch.GetElapsedTime(start);
            if (answer == Errno.EPERM)
            {
                // Other memory lies there since the last look. What the scan had protected before it came there was not told: all of it is taken in the next round.
                Forget(region.Range);
                region.HasFileContent = false;
                return;
            }

            if (answer != Errno.None)
            {
                throw answer == Errno.ESRCH ? WriteTracking.Gone() : new UffdException($"PAGEMAP_SCAN of {rest}", answer);
            }

            Take(region);
            rest = AddressRange.FromBounds(Math.Max(walkEnd, rest.Start), rest.End);
        }

        Untold.Remove(region.Range);
    }

    private void Take(CaptureRegion region)
    {
        long before = Pages;
        for (int index = 0; index < _runs.Count; index++)
        {
            PageRegion run = _runs[index];
            if (PageQueries.IsPopulated(run.Categories))
            {
                _copier.Add(run.Range);
                Pages += (long)(run.Range.Length / PageSize);
                if (region.IsPrivateFile)
                {
                    Own.Add(run.Range);
                }
            }
        }

        if (Pages > before)
        {
            _pacer.Wait((ulong)(Pages - before) * PageSize);
            Found?.Invoke(Pages);
        }
    }

    private void CopyFileContent(CaptureRegion region)
    {
        if (region.IsBackedByFile && !region.HasFileContent)
        {
            foreach (AddressRange part in SharedContent.Find(_processId, region.Mapping))
            {
                _copier.Add(part);
                Pages += (long)(part.Length / PageSize);
                _pacer.Wait(part.Length);
            }

            region.HasFileContent = true;
        }
    }

    /// <summary>Other memory lies there now than what was copied: all that is there is to be copied, whatever the kernel says of it.</summary>
    private void Forget(AddressRange range)
    {
        Untold.Add(range);
        _copier.Flush(); // what is on its way belongs to the memory of before
        foreach (AddressRange copied in _copied.Within(range).ToArray())
        {
            _sink.Discard(copied);
            _copied.Remove(copied);
        }

        Own.Remove(range);
    }

    private PageRegionBuffer Emptied()
    {
        _runs.Clear();
        return _runs;
    }
}
