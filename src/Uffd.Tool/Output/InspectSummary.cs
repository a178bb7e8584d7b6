using Uffd.Processes;
using Uffd.Snapshots;

namespace Uffd.Tool.Output;

/// <summary>Bytes of pages by kind.</summary>
internal readonly record struct InspectShares(ulong Stored, ulong Zero, ulong Parent, ulong File, ulong Absent)
{
    /// <summary>All of them.</summary>
    public ulong Total => Stored + Zero + Parent + File + Absent;

    public static InspectShares operator +(InspectShares left, InspectShares right)
        => new(left.Stored + right.Stored, left.Zero + right.Zero, left.Parent + right.Parent, left.File + right.File, left.Absent + right.Absent);

    /// <summary>Bytes of one kind.</summary>
    public static InspectShares Of(SnapshotPageKind kind, ulong bytes) => kind switch
    {
        SnapshotPageKind.Stored => new(bytes, 0, 0, 0, 0),
        SnapshotPageKind.Zero => new(0, bytes, 0, 0, 0),
        SnapshotPageKind.Parent => new(0, 0, bytes, 0, 0),
        SnapshotPageKind.File => new(0, 0, 0, bytes, 0),
        _ => new(0, 0, 0, 0, bytes),
    };
}

/// <summary>A mapping of a snapshot and what is kept of it.</summary>
internal sealed record InspectRegion(MappedRegion Mapping, RegionContent Content, InspectShares Shares);

/// <summary>What is in a snapshot, in numbers. Reads its index and no page.</summary>
internal sealed record InspectSummary(
    string Path,
    string Format,
    long FileBytes,
    ProcessState State,
    IReadOnlyList<string> Parents,
    IReadOnlyList<InspectRegion> Regions)
{
    /// <summary>Of all mappings.</summary>
    public InspectShares Shares => Regions.Aggregate(default(InspectShares), (sum, region) => sum + region.Shares);

    /// <summary>How many bytes of the file a stored byte takes: below 1 it is compressed. Null where nothing is stored, or a core, which is not compressed.</summary>
    public double? Compression => Shares.Stored > 0 && string.Equals(Format, "image", StringComparison.Ordinal) ? FileBytes / (double)Shares.Stored : null;

    /// <summary>Counts.</summary>
    public static InspectSummary Of(ISnapshot snapshot, string path, long fileBytes) => new(
        path,
        snapshot.Format,
        fileBytes,
        snapshot.State,
        snapshot.Parents,
        [.. snapshot.State.Regions.Select(region => new InspectRegion(
            region.Mapping,
            region.Content,
            snapshot.GetRuns(region.Mapping.Range).Aggregate(default(InspectShares), (sum, run) => sum + InspectShares.Of(run.Kind, run.Range.Length))))]);
}
