using System.Globalization;

namespace Uffd.Snapshots.Tests.Elf;

/// <summary>
/// Compares two snapshots page by page. A page that one tells to be its mapped file's is read there, so cores that keep different amounts of files can be
/// compared.
/// </summary>
internal sealed class CoreComparer(ISnapshot one, ISnapshot other)
{
    private const int MostDifferences = 20;

    /// <summary>Pages that were compared.</summary>
    public long Compared { get; private set; }

    /// <summary>Everything that the second holds must be in the first too, with the same bytes.</summary>
    /// <param name="leaveOut">Regions of the second that are not looked at.</param>
    /// <returns>The differences, at most 20.</returns>
    public IReadOnlyList<string> Differences(Func<SnapshotRegion, bool>? leaveOut = null)
    {
        var differences = new List<string>();
        foreach (SnapshotRegion region in other.State.Regions.Where(region => region.Content != RegionContent.None && leaveOut?.Invoke(region) != true))
        {
            foreach (SnapshotRun run in other.GetRuns(region.Mapping.Range).Where(run => run.Kind is SnapshotPageKind.Stored or SnapshotPageKind.Zero))
            {
                Compare(region, run, differences);
                if (differences.Count >= MostDifferences)
                {
                    return differences;
                }
            }
        }

        return differences;
    }

    private void Compare(SnapshotRegion region, SnapshotRun run, List<string> differences)
    {
        byte[] expected = new byte[Regions.Page];
        byte[] found = new byte[Regions.Page];
        for (ulong address = run.Range.Start; address < run.Range.End && differences.Count < MostDifferences; address += Regions.Page)
        {
            other.Read(address, expected);
            Compared++;
            string? trouble = Read(address, found);
            if (trouble is not null || !expected.AsSpan().SequenceEqual(found))
            {
                // Zeros that nobody ever touched need not be in the first.
                if (trouble is null || expected.AsSpan().ContainsAnyExcept((byte)0))
                {
                    differences.Add(string.Create(CultureInfo.InvariantCulture, $"{address:x} of {region.Mapping.Range} {region.Mapping.Name}: {trouble ?? $"other bytes, first at {expected.AsSpan().CommonPrefixLength(found)}"}"));
                }
            }
        }
    }

    /// <returns>Why the page cannot be had, or null.</returns>
    private string? Read(ulong address, byte[] destination)
    {
        SnapshotPageKind kind = one.GetRuns(new AddressRange(address, Regions.Page)).Single().Kind;
        switch (kind)
        {
            case SnapshotPageKind.Stored or SnapshotPageKind.Zero:
                one.Read(address, destination);
                return null;
            case SnapshotPageKind.File:
                Uffd.Processes.MappedRegion mapping = one.State.Regions.Single(region => region.Mapping.Range.Contains(address)).Mapping;
                using (var file = File.OpenHandle(mapping.Name))
                {
                    Array.Clear(destination);
                    RandomAccess.Read(file, destination, (long)(mapping.Offset + (address - mapping.Range.Start)));
                }

                return null;
            default:
                return $"the first does not have it ({kind})";
        }
    }
}
