using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// Which mappings are registered together. A registration whose end lies inside a mapping cuts it in two, and the process would be refused to move what lies across the cut
/// (mremap). The mappings that were read a moment ago may have grown or joined since; so what is registered reaches over many of them, holes included, and ends only where
/// one lies that cannot be followed at all.
/// </summary>
/// <param name="uffd">The process's.</param>
internal sealed class Following(Userfaultfd uffd)
{
    private const int MostAtOnce = 256; // the process's memory map is locked meanwhile
    private readonly HashSet<MappedRegion> _refused = [];

    /// <summary>Whether a mapping is of a kind that the kernel could follow, and did not refuse.</summary>
    public bool CanFollow(MappedRegion region) => WriteTracking.CanFollow(region) && !_refused.Contains(region);

    /// <summary>Follows all that can be. What is followed already stays so.</summary>
    /// <param name="regions">The process's mappings, in order of address.</param>
    /// <param name="barriers">Which of them are better left alone: memory of devices.</param>
    /// <exception cref="UffdException">ESRCH: the process is gone.</exception>
    public void Follow(IReadOnlyList<MappedRegion> regions, Func<MappedRegion, bool>? barriers = null)
    {
        foreach ((int first, int count) in Groups(regions, region => CanFollow(region) && barriers?.Invoke(region) != true))
        {
            Register(regions, first, count);
        }
    }

    /// <summary>Neighbours of one kind, as many as are registered at once.</summary>
    /// <param name="regions">In order of address.</param>
    /// <param name="belongs">Which belong to a group; the others end one.</param>
    public static IEnumerable<(int First, int Count)> Groups(IReadOnlyList<MappedRegion> regions, Func<MappedRegion, bool> belongs)
    {
        int first = 0;
        for (int index = 0; index <= regions.Count; index++)
        {
            bool ends = index == regions.Count || !belongs(regions[index]);
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

    /// <summary>A group in which there is one that the kernel refuses is halved until that one is alone.</summary>
    private void Register(IReadOnlyList<MappedRegion> regions, int first, int count)
    {
        var range = AddressRange.FromBounds(regions[first].Range.Start, regions[first + count - 1].Range.End);
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

        Register(regions, first, count / 2);
        Register(regions, first + (count / 2), count - (count / 2));
    }
}
