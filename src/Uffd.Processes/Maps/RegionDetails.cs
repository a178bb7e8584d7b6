namespace Uffd.Processes;

/// <summary>What proc_pid_smaps(5) tells of a mapping beyond <see cref="MappedRegion"/>. Sizes in bytes.</summary>
/// <param name="Region">The mapping.</param>
/// <param name="Flags">The two-letter codes of the line VmFlags, as the kernel writes them.</param>
/// <param name="Resident">In memory (Rss).</param>
/// <param name="Anonymous">Pages of its own that are in memory: for a private mapping of a file those that were changed (Anonymous).</param>
/// <param name="Swapped">In swap (Swap).</param>
/// <param name="SharedWithOthers">In memory and mapped more than once, here or elsewhere (Shared_Clean and Shared_Dirty, and hugetlb's).</param>
/// <param name="KernelPageSize">The size of its pages in the kernel (KernelPageSize): huge for hugetlb.</param>
public sealed record RegionDetails(
    MappedRegion Region,
    IReadOnlyList<string> Flags,
    ulong Resident,
    ulong Anonymous,
    ulong Swapped,
    ulong SharedWithOthers,
    ulong KernelPageSize)
{
    /// <summary>Whether it has a flag of VmFlags, such as <c>io</c>, <c>pf</c> (page frames only), <c>dd</c> (not for core files), <c>lo</c> (locked), <c>ht</c> (hugetlb), <c>um</c>, <c>uw</c>, <c>ui</c> (userfaultfd).</summary>
    /// <param name="flag">Two letters.</param>
    public bool Has(string flag) => Flags.Contains(flag, StringComparer.Ordinal);

    /// <summary>Reads them all for a process, in order of address. Slow: it walks the page tables.</summary>
    /// <param name="processId">Its id.</param>
    /// <exception cref="UffdException">ESRCH: no such process; EACCES: no ptrace rights over it.</exception>
    public static IReadOnlyList<RegionDetails> Read(int processId) => throw new NotSupportedException();
}
