using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>What was written to a mapping between two samples.</summary>
/// <param name="Mapping">The mapping.</param>
/// <param name="ResidentBytes">In memory now, or in swap.</param>
/// <param name="Written">Runs of pages that were written since the sample before, in order.</param>
public sealed record DirtyMapping(MappedRegion Mapping, ulong ResidentBytes, IReadOnlyList<AddressRange> Written)
{
    /// <summary>Bytes of pages that were written.</summary>
    public ulong WrittenBytes => Written.Aggregate(0UL, (sum, range) => sum + range.Length);
}

/// <summary>What was written between two samples.</summary>
/// <param name="Interval">The time between them.</param>
/// <param name="Mappings">Every mapping that can be followed, in order of address.</param>
public sealed record DirtySample(TimeSpan Interval, IReadOnlyList<DirtyMapping> Mappings);
