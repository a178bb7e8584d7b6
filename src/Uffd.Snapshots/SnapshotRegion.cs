using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>What a snapshot keeps of a mapping.</summary>
public enum RegionContent
{
    /// <summary>Nothing: the filter leaves it out, or it cannot be read.</summary>
    None,

    /// <summary>All of it: pages that were not stored are zeros.</summary>
    Whole,

    /// <summary>A private mapping of a file: the stored pages are those that the process had changed, all others are the file's.</summary>
    Changed,
}

/// <summary>A mapping at the instant of a snapshot.</summary>
/// <param name="Mapping">The mapping.</param>
/// <param name="Content">What is kept of it.</param>
public sealed record SnapshotRegion(MappedRegion Mapping, RegionContent Content);
