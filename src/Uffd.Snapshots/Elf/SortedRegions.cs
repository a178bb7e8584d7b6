namespace Uffd.Snapshots;

/// <summary>Finds regions by address.</summary>
/// <param name="regions">In order of address.</param>
internal sealed class SortedRegions(IReadOnlyList<SnapshotRegion> regions)
{
    /// <summary>The region that holds an address, or null.</summary>
    public SnapshotRegion? Find(ulong address)
    {
        int low = 0;
        int high = regions.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (regions[middle].Mapping.Range.End <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low < regions.Count && regions[low].Mapping.Range.Contains(address) ? regions[low] : null;
    }
}
