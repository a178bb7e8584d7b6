using Uffd.Diagnostics;

namespace Uffd.Tool.Output;

/// <summary>The object that <c>uffd doctor --json</c> prints. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record DoctorJson(
    bool PagingWorks,
    bool Allowed,
    string? FaultScope,
    DoctorKernelJson Kernel,
    DoctorSelfTestJson SelfTest,
    IReadOnlyList<DoctorCreationJson> Creation,
    IReadOnlyList<DoctorFeatureJson> Features,
    DoctorPrivilegesJson Privileges,
    DoctorMemoryJson Memory,
    DoctorLimitJson? OpenFiles,
    IReadOnlyList<DoctorCheckJson> Checks)
{
    /// <summary>Puts a report into this shape.</summary>
    public static DoctorJson From(HostReport report) => new(
        report.PagingWorks,
        report.IsAllowed,
        Camel(report.FaultScope),
        new DoctorKernelJson(report.KernelRelease, report.Machine, report.PageSize, Camel(report.Support)!),
        new DoctorSelfTestJson(report.SelfTest.Works, report.SelfTest.Pages, report.SelfTest.Microseconds, Camel(report.SelfTest.FaultScope), report.SelfTest.Failure),
        [.. report.Creation.Select(one => new DoctorCreationJson(
            one.Name, Camel(one.Method)!, Camel(one.FaultScope)!, one.Works, one.Works ? null : (int)one.Errno, one.Works ? null : UffdException.Describe(one.Errno)))],
        [.. report.FeatureList.Select(one => new DoctorFeatureJson(
            one.Info.KernelName, System.Numerics.BitOperations.TrailingZeroCount((ulong)one.Info.Feature), one.Info.Since, one.IsAvailable))],
        new DoctorPrivilegesJson(
            report.EffectiveUserId,
            report.HasCapSysPtrace,
            report.CanFollowForks,
            report.UnprivilegedUserfaultfd,
            report.Device is { } device ? new DoctorDeviceJson(device.Path, device.Mode, device.Owner, device.Group) : null,
            report.SeccompMode,
            report.YamaPtraceScope,
            report.HasCapSysAdmin,
            report.PtraceAnswer == Errno.None,
            report.PidfdGetfdAnswer == Errno.None,
            report.HasPagemapScan),
        new DoctorMemoryJson(
            report.HugePages2MiB is { } pool ? new DoctorHugePagesJson(pool.Total, pool.Free) : null,
            report.TransparentHugePages,
            report.SharedTransparentHugePages,
            report.KsmRun),
        report.OpenFiles is { } limit ? new DoctorLimitJson(limit.Soft, limit.Hard) : null,
        [.. report.Checks.Select(one => new DoctorCheckJson(one.Id, Camel(one.Status)!, one.Section, one.Subject, one.Finding, one.Why, one.Remedy))]);

    private static string? Camel(Enum? value)
        => value?.ToString() is { } name ? char.ToLowerInvariant(name[0]) + name[1..] : null;
}

internal sealed record DoctorKernelJson(string Release, string Machine, int PageSize, string Userfaultfd);

internal sealed record DoctorSelfTestJson(bool Works, int Pages, double? Microseconds, string? FaultScope, string? Failure);

internal sealed record DoctorCreationJson(string Way, string Method, string FaultScope, bool Works, int? Errno, string? Answer);

internal sealed record DoctorFeatureJson(string Name, int Bit, string Since, bool? Available);

internal sealed record DoctorPrivilegesJson(
    uint EffectiveUserId, bool? CapSysPtrace, bool? EventFork, long? UnprivilegedUserfaultfd, DoctorDeviceJson? Device, long? Seccomp, long? YamaPtraceScope,
    bool? CapSysAdmin, bool Ptrace, bool PidfdGetfd, bool? PagemapScan);

internal sealed record DoctorDeviceJson(string Path, string Mode, string Owner, string Group);

internal sealed record DoctorMemoryJson(DoctorHugePagesJson? HugePages2MiB, string? TransparentHugePages, string? SharedTransparentHugePages, long? KsmRun);

internal sealed record DoctorHugePagesJson(long Total, long Free);

internal sealed record DoctorLimitJson(long? Soft, long? Hard);

internal sealed record DoctorCheckJson(string Id, string Status, string Section, string Subject, string Finding, string? Why, string? Remedy);
