using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// The writes of a process: its mappings are registered for asynchronous write-protection, which it notices by a slower first write to each page, and in what docs/snapshots.md tells.
/// </summary>
internal sealed class WriteTracking : IDisposable
{
    private readonly Userfaultfd _uffd;
    private readonly PagemapScan _scan;
    private readonly Following _following;

    /// <param name="uffd">The process's, with WP_ASYNC; owned from now on.</param>
    /// <param name="processId">The process.</param>
    public WriteTracking(Userfaultfd uffd, int processId)
    {
        _uffd = uffd;
        try
        {
            _scan = PagemapScan.Open(processId);
            _following = new Following(uffd, _scan);
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

    /// <summary>Follows all mappings that can be and are not.</summary>
    /// <param name="regions">The process's mappings, in order of address.</param>
    /// <param name="begun">Told of each that is followed from now on: all that is in it counts as written, whatever the kernel says of it.</param>
    /// <param name="barriers">Which of them are better left alone: memory of devices.</param>
    /// <exception cref="UffdException">ESRCH: the process is gone.</exception>
    public void Follow(IReadOnlyList<MappedRegion> regions, Action<AddressRange> begun, Func<MappedRegion, bool>? barriers = null) => _following.Follow(regions, begun, barriers);

    /// <summary>Whether the kernel refused to follow a mapping.</summary>
    public bool IsRefused(MappedRegion region) => !_following.CanFollow(region);

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

    /// <summary>Takes the protection away in small pieces, so that the process never waits long for it.</summary>
    /// <param name="regions">The process's mappings as they are now.</param>
    /// <param name="populated">Pages that may be protected.</param>
    public void Release(IReadOnlyList<MappedRegion> regions, RangeSet populated) => new Releasing(_uffd, _following).Release(regions, populated);

    /// <summary>Ends it. What is still registered is let go by the kernel, in one piece.</summary>
    public void Dispose()
    {
        _uffd.Dispose();
        _scan.Dispose();
    }

    /// <summary>What is said when the process is not there any more.</summary>
    internal static UffdException Gone() => new("the process ended, or replaced its program, while it was followed", Errno.ESRCH);
}
