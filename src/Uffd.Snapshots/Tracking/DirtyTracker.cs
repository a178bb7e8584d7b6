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

/// <summary>
/// Follows which pages are written, of this process or another, without stopping it between samples (WP_ASYNC, PAGEMAP_SCAN; Linux 6.7). A write may be told
/// twice, in two samples that follow each other; none is lost. Not for several threads at once.
/// </summary>
public sealed class DirtyTracker : IDisposable
{
    private DirtyTracker()
    {
    }

    /// <summary>How long the process stood when its userfaultfd was taken.</summary>
    public TimeSpan AttachPause => throw new NotSupportedException();

    /// <summary>Begins to follow a process.</summary>
    /// <param name="processId">Its id; this process's own is followed without tracing.</param>
    /// <exception cref="UffdException">It cannot be traced, or the kernel lacks WP_ASYNC.</exception>
    public static DirtyTracker Attach(int processId) => throw new NotSupportedException();

    /// <summary>What was written since the last sample, or since the beginning.</summary>
    /// <exception cref="UffdException">ESRCH: the process ended or replaced its program.</exception>
    public DirtySample Sample() => throw new NotSupportedException();

    /// <summary>Ends it: the protection is taken away again.</summary>
    public void Dispose()
    {
    }
}
