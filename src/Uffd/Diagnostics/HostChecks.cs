using System.Globalization;
using static Uffd.Diagnostics.HostCheckStatus;

namespace Uffd.Diagnostics;

/// <summary>Judges what a <see cref="HostReport"/> found. Pure: the same report gives the same checks.</summary>
internal static class HostChecks
{
    public static IReadOnlyList<HostCheck> Of(HostReport report) =>
    [
        Paging(report),
        Kernel(report),
        Support(report),
        Features(report),
        .. CreationChecks.Of(report),
        Unprivileged(report),
        Device(report),
        Forks(report),
        .. Seccomp(report),
        Yama(report),
        .. ProcessChecks.Of(report),
        .. MemoryChecks.Of(report),
        OpenFiles(report),
    ];

    private static HostCheck Paging(HostReport report)
    {
        PagingSelfTest test = report.SelfTest;
        return test.Works
            ? new("paging", "Self test", "paging", Good, string.Create(CultureInfo.InvariantCulture, $"works: {test.Pages} pages resolved, {test.Microseconds:F0} us each"))
            : new("paging", "Self test", "paging", Failed, report.IsAllowed ? test.Failure ?? "failed" : "not possible: no way of creation is open");
    }

    private static HostCheck Kernel(HostReport report)
        => new("kernel.release", "Kernel", "release", Good, string.Create(CultureInfo.InvariantCulture, $"Linux {report.KernelRelease}, {report.Machine}, pages of {report.PageSize} bytes"));

    private static HostCheck Support(HostReport report) => report.Support switch
    {
        KernelSupport.BuiltIn => new("kernel.userfaultfd", "Kernel", "userfaultfd", Good, "built in"),
        KernelSupport.NotBuiltIn => new(
            "kernel.userfaultfd", "Kernel", "userfaultfd", Failed, "not built in", "This kernel was built without CONFIG_USERFAULTFD: only another kernel helps."),
        _ => new(
            "kernel.userfaultfd",
            "Kernel",
            "userfaultfd",
            report.PagingWorks ? Note : Failed,
            "nothing here tells whether it is built in",
            "The system call is refused and neither the sysctl, nor /proc/misc, nor a kernel configuration can be read.",
            "zgrep CONFIG_USERFAULTFD /proc/config.gz /boot/config-$(uname -r)"),
    };

    /// <summary>Named, and without an operation here: no kernel is the worse for lacking them.</summary>
    private const UffdFeatures NoUse = UffdFeatures.ReadWriteProtect | UffdFeatures.ReadWriteProtectAsync;

    private static HostCheck Features(HostReport report)
    {
        if (report.Features is null)
        {
            return new("kernel.features", "Kernel", "features", report.IsAllowed ? Failed : Note, "unknown: no userfaultfd can be created to ask with");
        }

        HostFeature[] missing = [.. report.FeatureList.Where(feature => feature.IsAvailable == false)];
        int unknown = report.FeatureList.Count - UffdFeatureInfo.All.Count;
        string newer = unknown > 0 ? string.Create(CultureInfo.InvariantCulture, $", and {unknown} that came after this program") : string.Empty;
        if (missing.Length == 0)
        {
            return new("kernel.features", "Kernel", "features", Good, string.Create(CultureInfo.InvariantCulture, $"all {UffdFeatureInfo.All.Count}{newer}"));
        }

        string some = string.Create(CultureInfo.InvariantCulture, $"{UffdFeatureInfo.All.Count - missing.Length} of {UffdFeatureInfo.All.Count}");
        return missing.All(feature => NoUse.HasFlag(feature.Info.Feature))
            ? new("kernel.features", "Kernel", "features", Good, $"{some}, all that this program can use{newer}")
            : new(
                "kernel.features",
                "Kernel",
                "features",
                Note,
                $"{some}{newer}",
                $"Missing: {string.Join(", ", missing.Select(feature => $"{feature.Info.KernelName} (Linux {feature.Info.Since})"))}. Only another kernel helps.");
    }

    private static HostCheck Unprivileged(HostReport report) => report.UnprivilegedUserfaultfd switch
    {
        1 => new("privilege.sysctl", "Privilege", "unprivileged_userfaultfd", Good, "1: userfaultfd() is open to every user"),
        0 => new("privilege.sysctl", "Privilege", "unprivileged_userfaultfd", Good, "0: full userfaultfd() needs CAP_SYS_PTRACE"),
        { } other => new("privilege.sysctl", "Privilege", "unprivileged_userfaultfd", Note, string.Create(CultureInfo.InvariantCulture, $"{other}: a value this program does not know")),
        null => new("privilege.sysctl", "Privilege", "unprivileged_userfaultfd", Note, "cannot be read; it came with Linux 5.2"),
    };

    private static HostCheck Device(HostReport report) => report switch
    {
        { Device: { } device } => new("privilege.device", "Privilege", device.Path, Good, $"{device.Mode} {device.Owner} {device.Group}"),
        { KernelHasDevice: true } => new("privilege.device", "Privilege", UserfaultfdFactory.DevicePath, Note, "not in this /dev, though the kernel has it"),
        _ => new("privilege.device", "Privilege", UserfaultfdFactory.DevicePath, Note, "not there; it came with Linux 6.1"),
    };

    private static HostCheck Forks(HostReport report)
    {
        const string Why = "Without it no EVENT_FORK: a child of a paged process reads zeros where a page is still missing.";
        return report switch
        {
            { CanFollowForks: true } => new("privilege.fork", "Privilege", "CAP_SYS_PTRACE", Good, "effective: children of a process can be followed (EVENT_FORK)"),
            { HasCapSysPtrace: true, CanFollowForks: false } => new(
                "privilege.fork", "Privilege", "CAP_SYS_PTRACE", Limited, "only in this user namespace: EVENT_FORK is refused", Why),
            { HasCapSysPtrace: true } => new("privilege.fork", "Privilege", "CAP_SYS_PTRACE", Note, "effective; EVENT_FORK could not be tried"),
            { HasCapSysPtrace: null } => new("privilege.fork", "Privilege", "CAP_SYS_PTRACE", Note, "unknown: /proc/self/status cannot be read"),
            _ => new("privilege.fork", "Privilege", "CAP_SYS_PTRACE", Limited, "not effective: EVENT_FORK is refused", Why, report.EffectiveUserId == 0 ? "docker run --cap-add SYS_PTRACE ..." : "sudo uffd ..."),
        };
    }

    private static IEnumerable<HostCheck> Seccomp(HostReport report)
    {
        if (report.SeccompMode is 2)
        {
            bool refuses = CreationChecks.SeccompRefuses(report);
            yield return new(
                "privilege.seccomp",
                "Privilege",
                "seccomp",
                refuses ? Limited : Good,
                refuses ? "a filter is active, and it refuses userfaultfd()" : "a filter is active; it lets userfaultfd() pass",
                refuses ? "The kernel itself never answers a call for faults of user mode like this." : null);
        }
    }

    private static HostCheck Yama(HostReport report)
    {
        const string Why = "Matters to attaching to another process, not to one that hands over its userfaultfd itself.";
        const string Remedy = "sudo sysctl -w kernel.yama.ptrace_scope=0";
        bool privileged = report.HasCapSysPtrace == true;
        return report.YamaPtraceScope switch
        {
            null => new("privilege.yama", "Privilege", "ptrace_scope", Good, "no Yama here: the usual rules of ptrace"),
            0 => new("privilege.yama", "Privilege", "ptrace_scope", Good, "0: the usual rules of ptrace"),
            1 => new("privilege.yama", "Privilege", "ptrace_scope", privileged ? Good : Note, "1: without CAP_SYS_PTRACE only own children can be attached to", privileged ? null : Why, privileged ? null : Remedy),
            2 => new("privilege.yama", "Privilege", "ptrace_scope", privileged ? Good : Note, "2: only CAP_SYS_PTRACE may attach", privileged ? null : Why, privileged ? null : Remedy),
            { } scope => new("privilege.yama", "Privilege", "ptrace_scope", Note, string.Create(CultureInfo.InvariantCulture, $"{scope}: nobody may attach, until the next boot"), Why),
        };
    }

    private static HostCheck OpenFiles(HostReport report)
    {
        const string Why = "A fork that cannot be read for want of a descriptor (EMFILE) holds up every page of that process.";
        return report.OpenFiles switch
        {
            null => new("limit.openFiles", "Limits", "open files", Note, "cannot be read"),
            { Soft: { } soft } when soft < 1024 => new(
                "limit.openFiles", "Limits", "open files", Limited, Describe(report.OpenFiles), Why, "sudo prlimit --pid $$ --nofile=65536"),
            var limit => new("limit.openFiles", "Limits", "open files", Good, Describe(limit)),
        };
    }

    private static string Describe(ResourceLimit limit) => limit.Soft == limit.Hard ? Show(limit.Soft) : $"{Show(limit.Soft)}, up to {Show(limit.Hard)}";

    private static string Show(long? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "unlimited";
}
