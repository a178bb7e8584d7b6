namespace Uffd.Diagnostics;

/// <summary>Whether this kernel was built with userfaultfd.</summary>
public enum KernelSupport
{
    /// <summary>Nothing here tells: every way of asking is closed to this caller.</summary>
    Unknown,

    /// <summary>It was.</summary>
    BuiltIn,

    /// <summary>It was not.</summary>
    NotBuiltIn,
}

/// <summary>A device file as it stands in /dev.</summary>
/// <param name="Path">Where.</param>
/// <param name="Mode">As ls shows it: <c>crw-------</c>.</param>
/// <param name="Owner">The owner's name, or the number where it has none.</param>
/// <param name="Group">The group's name, or the number where it has none.</param>
public sealed record DeviceFile(string Path, string Mode, string Owner, string Group);

/// <summary>The reserved huge pages of one size.</summary>
/// <param name="Total">How many are reserved.</param>
/// <param name="Free">How many of them are in nobody's use.</param>
public sealed record HugePagePool(long Total, long Free);

/// <summary>A resource limit (getrlimit(2)); null is no limit.</summary>
/// <param name="Soft">What counts now.</param>
/// <param name="Hard">Up to where the process itself may raise it.</param>
public sealed record ResourceLimit(long? Soft, long? Hard);

/// <summary>A feature of the kernel interface, as found here.</summary>
/// <param name="Info">Its name and the Linux version that brought it.</param>
/// <param name="IsAvailable">Whether this kernel has it, or null where the kernel could not be asked.</param>
public sealed record HostFeature(UffdFeatureInfo Info, bool? IsAvailable);

/// <summary>
/// What this host offers for paging, found by trying where trying is possible and by reading /proc and /sys where it is not.
/// A value that cannot be read, as in many containers, is null. <see cref="Checks"/> says what each means and what would
/// mend it.
/// </summary>
public sealed record HostReport
{
    /// <summary>The kernel's release, as of uname -r.</summary>
    public required string KernelRelease { get; init; }

    /// <summary>The machine, as uname -m names it: x86_64, aarch64.</summary>
    public required string Machine { get; init; }

    /// <summary>The size of a base page, in bytes.</summary>
    public int PageSize { get; init; }

    /// <summary>Whether the kernel was built with userfaultfd.</summary>
    public KernelSupport Support { get; init; }

    /// <summary>Every way of creation, and what the kernel answered when it was tried.</summary>
    public required IReadOnlyList<UffdCreationAttempt> Creation { get; init; }

    /// <summary>The features that the kernel reported, or null when it could not be asked.</summary>
    public UffdFeatures? Features { get; init; }

    /// <summary>The sysctl vm.unprivileged_userfaultfd, or null where there is none (before Linux 5.2).</summary>
    public long? UnprivilegedUserfaultfd { get; init; }

    /// <summary>/dev/userfaultfd, or null where it does not exist.</summary>
    public DeviceFile? Device { get; init; }

    /// <summary>Whether the kernel has the device (/proc/misc), even if /dev does not show it; null when unknown.</summary>
    public bool? KernelHasDevice { get; init; }

    /// <summary>The effective user id of this process.</summary>
    public uint EffectiveUserId { get; init; }

    /// <summary>
    /// Whether CAP_SYS_PTRACE is in this process's effective set. In a user namespace it counts only there, and userfaultfd asks
    /// for the one of the host: <see cref="CanFollowForks"/> is the measured answer.
    /// </summary>
    public bool? HasCapSysPtrace { get; init; }

    /// <summary>Whether a handshake with EVENT_FORK succeeded, or null when the kernel could not be asked.</summary>
    public bool? CanFollowForks { get; init; }

    /// <summary>The line Seccomp of /proc/self/status: 0 none, 1 strict, 2 a filter.</summary>
    public long? SeccompMode { get; init; }

    /// <summary>The reserved huge pages of 2 MiB, or null where the kernel has none of that size.</summary>
    public HugePagePool? HugePages2MiB { get; init; }

    /// <summary>transparent_hugepage/enabled: always, madvise or never.</summary>
    public string? TransparentHugePages { get; init; }

    /// <summary>transparent_hugepage/shmem_enabled: always, within_size, advise, never, deny or force.</summary>
    public string? SharedTransparentHugePages { get; init; }

    /// <summary>ksm/run: 0 stopped, 1 running, 2 stopped and everything unmerged.</summary>
    public long? KsmRun { get; init; }

    /// <summary>The limit of open descriptors. The .NET runtime has raised its soft limit to the hard one.</summary>
    public ResourceLimit? OpenFiles { get; init; }

    /// <summary>The sysctl kernel.yama.ptrace_scope, or null where Yama is not there.</summary>
    public long? YamaPtraceScope { get; init; }

    /// <summary>Whether CAP_SYS_ADMIN is in this process's effective set: it suspends another process's seccomp filter for one call.</summary>
    public bool? HasCapSysAdmin { get; init; }

    /// <summary>What a seccomp filter answers in the kernel's place to ptrace(2); <see cref="Errno.None"/> where the kernel itself answers.</summary>
    public Errno PtraceAnswer { get; init; }

    /// <summary>The same of pidfd_getfd(2) (Linux 5.6); ENOSYS from an older kernel too.</summary>
    public Errno PidfdGetfdAnswer { get; init; }

    /// <summary>Whether the kernel has PAGEMAP_SCAN (Linux 6.7), or null where it could not be asked.</summary>
    public bool? HasPagemapScan { get; init; }

    /// <summary>How the trial of real paging went.</summary>
    public required PagingSelfTest SelfTest { get; init; }

    /// <summary>Whether paging works here for this caller: the self test succeeded.</summary>
    public bool PagingWorks => SelfTest.Works;

    /// <summary>Whether the system lets this caller create a userfaultfd in any way.</summary>
    public bool IsAllowed => Creation.Any(attempt => attempt.Works);

    /// <summary>The widest scope of faults that this caller may handle, or null when none.</summary>
    public UffdFaultScope? FaultScope
        => Creation.Any(attempt => attempt is { Works: true, FaultScope: UffdFaultScope.UserAndKernel }) ? UffdFaultScope.UserAndKernel
            : IsAllowed ? UffdFaultScope.UserOnly
            : null;

    /// <summary>Every feature that this library has a name for, then those that only this kernel knows (<c>bit 20</c>).</summary>
    public IReadOnlyList<HostFeature> FeatureList
    {
        get
        {
            UffdFeatures known = UffdFeatureInfo.All.Aggregate(UffdFeatures.None, (bits, info) => bits | info.Feature);
            UffdFeatures unknown = (Features ?? UffdFeatures.None) & ~known;
            return
            [
                .. UffdFeatureInfo.All.Select(info => new HostFeature(info, Features is { } bits ? bits.HasFlag(info.Feature) : null)),
                .. UffdFeatureInfo.Describe(unknown).Select(info => new HostFeature(info, IsAvailable: true)),
            ];
        }
    }

    /// <summary>What all of this means, in the order to be read.</summary>
    public IReadOnlyList<HostCheck> Checks => HostChecks.Of(this);

    /// <summary>
    /// Looks at this host. Takes a few milliseconds; creates and closes some userfaultfds, and maps, registers and resolves a
    /// few pages of its own. Reads files, changes no setting, and throws nothing that the host could cause.
    /// </summary>
    public static HostReport Collect() => HostInspection.Collect();
}
