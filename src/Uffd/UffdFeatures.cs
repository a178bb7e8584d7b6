using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;
using Uffd.Abi;

namespace Uffd;

/// <summary>
/// The features of <c>struct uffdio_api</c> (ioctl_userfaultfd(2), <c>include/uapi/linux/userfaultfd.h</c>). A kernel newer
/// than this library may report bits without a name here; they are kept.
/// </summary>
[Flags]
[SuppressMessage("Design", "CA1028", Justification = "the kernel's field has 64 bits")]
public enum UffdFeatures : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Write-protect faults are told apart from missing ones (Linux 5.7).</summary>
    PageFaultFlagWriteProtect = UserfaultfdAbi.UFFD_FEATURE_PAGEFAULT_FLAG_WP,

    /// <summary>fork() is announced and the child's memory stays registered (4.11). Needs CAP_SYS_PTRACE.</summary>
    EventFork = UserfaultfdAbi.UFFD_FEATURE_EVENT_FORK,

    /// <summary>mremap() is announced and the moved range stays registered (4.11).</summary>
    EventRemap = UserfaultfdAbi.UFFD_FEATURE_EVENT_REMAP,

    /// <summary>MADV_DONTNEED and MADV_REMOVE are announced before the pages go (4.11).</summary>
    EventRemove = UserfaultfdAbi.UFFD_FEATURE_EVENT_REMOVE,

    /// <summary>Missing faults on hugetlb memory can be handled (4.11).</summary>
    MissingHugetlbfs = UserfaultfdAbi.UFFD_FEATURE_MISSING_HUGETLBFS,

    /// <summary>Missing faults on shared memory can be handled (4.11).</summary>
    MissingShmem = UserfaultfdAbi.UFFD_FEATURE_MISSING_SHMEM,

    /// <summary>munmap() is announced after it was done (4.11).</summary>
    EventUnmap = UserfaultfdAbi.UFFD_FEATURE_EVENT_UNMAP,

    /// <summary>A fault raises SIGBUS in the faulting thread instead of a message (4.14).</summary>
    Sigbus = UserfaultfdAbi.UFFD_FEATURE_SIGBUS,

    /// <summary>Faults carry the id of the faulting thread (4.14).</summary>
    ThreadId = UserfaultfdAbi.UFFD_FEATURE_THREAD_ID,

    /// <summary>Minor faults on hugetlb memory can be handled (5.13).</summary>
    MinorHugetlbfs = UserfaultfdAbi.UFFD_FEATURE_MINOR_HUGETLBFS,

    /// <summary>Minor faults on shared memory can be handled (5.14).</summary>
    MinorShmem = UserfaultfdAbi.UFFD_FEATURE_MINOR_SHMEM,

    /// <summary>Faults carry the exact address, not that of the page (5.18).</summary>
    ExactAddress = UserfaultfdAbi.UFFD_FEATURE_EXACT_ADDRESS,

    /// <summary>Write-protection works on hugetlb and shared memory (5.19).</summary>
    WriteProtectHugetlbfsShmem = UserfaultfdAbi.UFFD_FEATURE_WP_HUGETLBFS_SHMEM,

    /// <summary>Anonymous pages that are absent can be write-protected (6.4).</summary>
    WriteProtectUnpopulated = UserfaultfdAbi.UFFD_FEATURE_WP_UNPOPULATED,

    /// <summary>Poison is available (6.6).</summary>
    Poison = UserfaultfdAbi.UFFD_FEATURE_POISON,

    /// <summary>The kernel resolves write-protect faults by itself and only remembers the write (6.7).</summary>
    WriteProtectAsync = UserfaultfdAbi.UFFD_FEATURE_WP_ASYNC,

    /// <summary>Move is available (6.8).</summary>
    Move = UserfaultfdAbi.UFFD_FEATURE_MOVE,

    /// <summary>Pages can be protected from reading too (7.3). This library names it and has no operation for it.</summary>
    ReadWriteProtect = UserfaultfdAbi.UFFD_FEATURE_RWP,

    /// <summary>The kernel resolves faults of such pages by itself and only remembers the touch (7.3).</summary>
    ReadWriteProtectAsync = UserfaultfdAbi.UFFD_FEATURE_RWP_ASYNC,
}

/// <summary>A feature's kernel name and the Linux version that brought it.</summary>
/// <param name="Feature">One bit.</param>
/// <param name="KernelName">The name without its prefix: <c>EVENT_FORK</c>.</param>
/// <param name="Since">The first Linux version with it, or <c>unknown</c>.</param>
public readonly record struct UffdFeatureInfo(UffdFeatures Feature, string KernelName, string Since)
{
    private static readonly UffdFeatureInfo[] Known =
    [
        new(UffdFeatures.PageFaultFlagWriteProtect, "PAGEFAULT_FLAG_WP", "5.7"),
        new(UffdFeatures.EventFork, "EVENT_FORK", "4.11"),
        new(UffdFeatures.EventRemap, "EVENT_REMAP", "4.11"),
        new(UffdFeatures.EventRemove, "EVENT_REMOVE", "4.11"),
        new(UffdFeatures.MissingHugetlbfs, "MISSING_HUGETLBFS", "4.11"),
        new(UffdFeatures.MissingShmem, "MISSING_SHMEM", "4.11"),
        new(UffdFeatures.EventUnmap, "EVENT_UNMAP", "4.11"),
        new(UffdFeatures.Sigbus, "SIGBUS", "4.14"),
        new(UffdFeatures.ThreadId, "THREAD_ID", "4.14"),
        new(UffdFeatures.MinorHugetlbfs, "MINOR_HUGETLBFS", "5.13"),
        new(UffdFeatures.MinorShmem, "MINOR_SHMEM", "5.14"),
        new(UffdFeatures.ExactAddress, "EXACT_ADDRESS", "5.18"),
        new(UffdFeatures.WriteProtectHugetlbfsShmem, "WP_HUGETLBFS_SHMEM", "5.19"),
        new(UffdFeatures.WriteProtectUnpopulated, "WP_UNPOPULATED", "6.4"),
        new(UffdFeatures.Poison, "POISON", "6.6"),
        new(UffdFeatures.WriteProtectAsync, "WP_ASYNC", "6.7"),
        new(UffdFeatures.Move, "MOVE", "6.8"),
        new(UffdFeatures.ReadWriteProtect, "RWP", "7.3"),
        new(UffdFeatures.ReadWriteProtectAsync, "RWP_ASYNC", "7.3"),
    ];

    /// <summary>Every feature this library has a name for, lowest bit first.</summary>
    public static IReadOnlyList<UffdFeatureInfo> All => Known;

    /// <summary>Describes each bit that is set, those without a name as <c>bit 20</c>.</summary>
    /// <param name="features">Any bits.</param>
    public static IEnumerable<UffdFeatureInfo> Describe(UffdFeatures features)
    {
        for (ulong rest = (ulong)features; rest != 0; rest &= rest - 1)
        {
            int bit = BitOperations.TrailingZeroCount(rest);
            var feature = (UffdFeatures)(1UL << bit);
            int index = Array.FindIndex(Known, info => info.Feature == feature);
            yield return index >= 0
                ? Known[index]
                : new UffdFeatureInfo(feature, string.Create(CultureInfo.InvariantCulture, $"bit {bit}"), "unknown");
        }
    }
}

/// <summary>The operations that the kernel offers on a registered range (<c>uffdio_register.ioctls</c>).</summary>
[Flags]
[SuppressMessage("Design", "CA1028", Justification = "the kernel's field has 64 bits")]
public enum UffdIoctls : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Register.</summary>
    Register = 1UL << UserfaultfdAbi._UFFDIO_REGISTER,

    /// <summary>Unregister.</summary>
    Unregister = 1UL << UserfaultfdAbi._UFFDIO_UNREGISTER,

    /// <summary>Wake.</summary>
    Wake = 1UL << UserfaultfdAbi._UFFDIO_WAKE,

    /// <summary>Copy.</summary>
    Copy = 1UL << UserfaultfdAbi._UFFDIO_COPY,

    /// <summary>ZeroPage: not on hugetlb memory.</summary>
    ZeroPage = 1UL << UserfaultfdAbi._UFFDIO_ZEROPAGE,

    /// <summary>Move. Reported for shared memory too, where it then fails.</summary>
    Move = 1UL << UserfaultfdAbi._UFFDIO_MOVE,

    /// <summary>WriteProtect.</summary>
    WriteProtect = 1UL << UserfaultfdAbi._UFFDIO_WRITEPROTECT,

    /// <summary>Continue.</summary>
    Continue = 1UL << UserfaultfdAbi._UFFDIO_CONTINUE,

    /// <summary>Poison.</summary>
    Poison = 1UL << UserfaultfdAbi._UFFDIO_POISON,

    /// <summary>The handshake.</summary>
    Api = 1UL << UserfaultfdAbi._UFFDIO_API,
}

/// <summary>Which faults of a range are handed over (<c>uffdio_register.mode</c>).</summary>
[Flags]
[SuppressMessage("Design", "CA1028", Justification = "the kernel's field has 64 bits")]
public enum UffdRegisterModes : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Faults on pages that are not there.</summary>
    Missing = UserfaultfdAbi.UFFDIO_REGISTER_MODE_MISSING,

    /// <summary>Writes to pages that were write-protected (5.7).</summary>
    WriteProtect = UserfaultfdAbi.UFFDIO_REGISTER_MODE_WP,

    /// <summary>Faults on pages of shared memory that are in the page cache but not mapped (5.13).</summary>
    Minor = UserfaultfdAbi.UFFDIO_REGISTER_MODE_MINOR,
}
