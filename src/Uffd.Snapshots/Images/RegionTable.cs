namespace Uffd.Snapshots;

/// <summary>Finds mappings by address.</summary>
internal sealed class RegionTable(IReadOnlyList<SnapshotRegion> regions)
{
    private readonly ulong[] _starts = [.. regions.Select(region => region.Mapping.Range.Start)];

    /// <summary>The first mapping that ends behind an address, or null.</summary>
    public SnapshotRegion? FirstEndingAfter(ulong address)
    {
        int found = Array.BinarySearch(_starts, address);
        int index = found >= 0 ? found : ~found - 1;
        if (index >= 0 && regions[index].Mapping.Range.End > address)
        {
            return regions[index];
        }

        return index + 1 < regions.Count ? regions[index + 1] : null;
    }

    /// <summary>The mapping of an address, or null.</summary>
    public SnapshotRegion? Find(ulong address) => FirstEndingAfter(address) is { } region && region.Mapping.Range.Start <= address ? region : null;
}
