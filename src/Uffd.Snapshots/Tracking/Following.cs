using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// Which mappings are registered, and together with which. A registration whose end lies inside a mapping cuts it in two, and the process would be refused to move what lies
/// across the cut (mremap). The mappings that were read a moment ago may have grown since, so what is registered reaches into the holes beside it. It never reaches over a
/// mapping that is followed already: the kernel drops a registration when it moves memory, also that of what the moved memory joins, and leaves the marks of the protection
/// behind, which then hide writes. Only what was seen without registration may be registered, and all that is in it counts as written.
/// </summary>
/// <param name="uffd">The process's.</param>
/// <param name="scan">Its page map.</param>
internal sealed class Following(Userfaultfd uffd, PagemapScan scan)
{
    private const int MostAtOnce = 256; // the process's memory map is locked meanwhile
    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;
    private readonly HashSet<MappedRegion> _refused = [];
    private readonly PageRegionBuffer _one = new(1);

    /// <summary>Whether a mapping is of a kind that the kernel could follow, and did not refuse.</summary>
    public bool CanFollow(MappedRegion region) => WriteTracking.CanFollow(region) && !_refused.Contains(region);

    /// <summary>Follows all that can be and is not.</summary>
    /// <param name="regions">The process's mappings, in order of address.</param>
    /// <param name="begun">Told of each range that is followed from now on: all that is in it counts as written. Called before it is.</param>
    /// <param name="barriers">Which are better left alone: memory of devices.</param>
    /// <exception cref="UffdException">ESRCH: the process is gone.</exception>
    public void Follow(IReadOnlyList<MappedRegion> regions, Action<AddressRange> begun, Func<MappedRegion, bool>? barriers = null)
    {
        bool[] wanted = [.. regions.Select(region => CanFollow(region) && barriers?.Invoke(region) != true && !IsFollowed(region))];
        foreach ((int first, int count) in Groups(regions.Count, index => wanted[index]))
        {
            Register(regions, first, count, begun);
        }
    }

    /// <summary>Neighbours of one kind, as many as are registered at once.</summary>
    /// <param name="count">How many mappings there are.</param>
    /// <param name="belongs">Which belong to a group; the others end one.</param>
    public static IEnumerable<(int First, int Count)> Groups(int count, Func<int, bool> belongs)
    {
        int first = 0;
        for (int index = 0; index <= count; index++)
        {
            bool ends = index == count || !belongs(index);
            if (ends || index - first == MostAtOnce)
            {
                if (index > first)
                {
                    yield return (first, index - first);
                }

                first = ends ? index + 1 : index;
            }
        }
    }

    private bool IsFollowed(MappedRegion region)
    {
        _one.Clear();
        return scan.TryScan(new AddressRange(region.Range.Start, PageSize), PageQueries.Whole.Written, _one, out _) == Errno.None;
    }

    /// <summary>A group in which there is one that the kernel refuses is halved until that one is alone.</summary>
    private void Register(IReadOnlyList<MappedRegion> regions, int first, int count, Action<AddressRange> begun)
    {
        int last = first + count - 1;
        ulong start = first == 0 ? regions[first].Range.Start : regions[first - 1].Range.End;
        ulong end = last == regions.Count - 1 ? regions[last].Range.End : regions[last + 1].Range.Start;
        var range = AddressRange.FromBounds(start, end);
        begun(range); // with the holes: what came there since the mappings were read may bring such marks along
        Errno answer = uffd.TryRegister(range, UffdRegisterModes.WriteProtect);
        if (answer == Errno.ESRCH)
        {
            throw WriteTracking.Gone();
        }

        if (answer == Errno.None)
        {
            return;
        }

        if (count == 1)
        {
            _refused.Add(regions[first]);
            return;
        }

        Register(regions, first, count / 2, begun);
        Register(regions, first + (count / 2), count - (count / 2), begun);
    }
}
