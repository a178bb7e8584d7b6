using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// The writes of a process: its mappings are registered for asynchronous write-protection, which it notices by 0.65 us for each first write and in no other way.
/// </summary>
internal sealed class WriteTracking : IDisposable
{
    // Taking the protection away walks the pages with the process's memory map locked: 0.17 us each was measured, so that a slice holds up for 0.1 ms at the most.
    private const ulong SlicePages = 512;

    private readonly Userfaultfd _uffd;
    private readonly PagemapScan _scan;

    /// <param name="uffd">The process's, with WP_ASYNC; owned from now on.</param>
    /// <param name="processId">The process.</param>
    public WriteTracking(Userfaultfd uffd, int processId)
    {
        _uffd = uffd;
        try
        {
            _scan = PagemapScan.Open(processId);
        }
        catch
        {
            uffd.Dispose();
            throw;
        }
    }

    /// <summary>Whether the memory still belongs to a process: it has neither ended nor replaced its program.</summary>
    public bool IsAlive => _uffd.IsTargetAlive();

    /// <summary>Whether a mapping is of a kind that the kernel could follow.</summary>
    public static bool CanFollow(MappedRegion region)
        => region.Name is not ("[vdso]" or "[vsyscall]" or "[uprobes]") && !region.Name.StartsWith("[vvar", StringComparison.Ordinal);

    /// <summary>Registers a mapping. Doing so again changes nothing.</summary>
    /// <returns>Whether its writes are followed from now on. Its pages count as written until they are protected.</returns>
    /// <exception cref="UffdException">ESRCH: the process is gone.</exception>
    public bool TryFollow(AddressRange range)
    {
        Errno errno = _uffd.TryRegister(range, UffdRegisterModes.WriteProtect);
        return errno != Errno.ESRCH ? errno == Errno.None : throw Gone();
    }

    /// <summary>Asks about pages, as far as there is room for runs.</summary>
    /// <returns>EPERM where a part of the range is not registered; ESRCH when the process is gone.</returns>
    public Errno Scan(AddressRange range, PagemapScanOptions query, PageRegionBuffer runs, out ulong walkEnd)
    {
        Errno errno = _scan.TryScan(range, query, runs, out PagemapScanResult result);
        walkEnd = result.WalkEnd;
        return errno;
    }

    /// <summary>Asks about all of a range, making room for runs as needed.</summary>
    public Errno ScanAll(AddressRange range, PagemapScanOptions query, PageRegionBuffer runs)
    {
        while (!range.IsEmpty)
        {
            if (runs.Count == runs.Capacity)
            {
                runs.Grow();
            }

            Errno errno = Scan(range, query, runs, out ulong walkEnd);
            if (errno != Errno.None)
            {
                return errno;
            }

            range = AddressRange.FromBounds(Math.Max(walkEnd, range.Start), range.End);
        }

        return Errno.None;
    }

    /// <summary>Takes the protection away in slices, so that the process never waits long for it.</summary>
    /// <param name="region">A mapping, or what became of it.</param>
    /// <param name="populated">Its pages that may be protected, in order.</param>
    public void Release(AddressRange region, IEnumerable<AddressRange> populated)
    {
        ulong start = region.Start, pages = 0, pageSize = (ulong)Environment.SystemPageSize;
        foreach (AddressRange run in populated)
        {
            for (ulong at = run.Start; at < run.End;)
            {
                ulong take = Math.Min((run.End - at) / pageSize, SlicePages - pages);
                at += take * pageSize;
                pages += take;
                if (pages == SlicePages)
                {
                    _ = _uffd.Unregister(AddressRange.FromBounds(start, at));
                    (start, pages) = (at, 0);
                }
            }
        }

        if (start < region.End)
        {
            _ = _uffd.Unregister(AddressRange.FromBounds(start, region.End)); // what is not there any more needs nothing
        }
    }

    /// <summary>Ends it. What is still registered is let go by the kernel, in one piece.</summary>
    public void Dispose()
    {
        _uffd.Dispose();
        _scan.Dispose();
    }

    /// <summary>What is said when the process is not there any more.</summary>
    internal static UffdException Gone() => new("the process ended, or replaced its program, while it was followed", Errno.ESRCH);
}
