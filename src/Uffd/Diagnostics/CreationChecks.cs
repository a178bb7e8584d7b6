using static Uffd.Diagnostics.HostCheckStatus;

namespace Uffd.Diagnostics;

/// <summary>Judges the ways of creation: what each answered, why, and what would open it.</summary>
internal static class CreationChecks
{
    public const string SeccompRemedy = "docker run --security-opt seccomp=unconfined ...";
    private const string DeviceRemedy = "docker run --device /dev/userfaultfd ...";

    public static IEnumerable<HostCheck> Of(HostReport report)
    {
        var named = new HashSet<string>(StringComparer.Ordinal);
        foreach (UffdCreationAttempt attempt in report.Creation)
        {
            (string? why, string? remedy) = Explain(attempt, report);

            // The same command opens both scopes of a way: once is enough to read.
            bool repeated = remedy is not null && !named.Add(remedy);
            yield return new HostCheck(
                Id(attempt),
                attempt.FaultScope == UffdFaultScope.UserOnly ? "Creation, faults of user mode only" : "Creation",
                attempt.Method == UffdCreationMethod.Device ? UserfaultfdFactory.DevicePath : "userfaultfd()",
                Judge(attempt, report),
                attempt.Works ? "works" : UffdException.Describe(attempt.Errno),
                repeated ? null : why,
                repeated ? null : remedy);
        }
    }

    /// <summary>
    /// Whether it is a seccomp filter that answers in the kernel's place: the kernel never refuses userfaultfd() for user-mode
    /// faults with EPERM, nor with ENOSYS when it has the call.
    /// </summary>
    public static bool SeccompRefuses(HostReport report)
        => report.SeccompMode is 2 && report.Creation.Any(attempt
            => attempt is { Method: UffdCreationMethod.SystemCall, FaultScope: UffdFaultScope.UserOnly, Errno: Errno.EPERM or Errno.EACCES or Errno.ENOSYS }
                && (attempt.Errno != Errno.ENOSYS || report.Support == KernelSupport.BuiltIn));

    private static string Id(UffdCreationAttempt attempt)
        => (attempt.Method == UffdCreationMethod.Device ? "creation.device" : "creation.syscall")
            + (attempt.FaultScope == UffdFaultScope.UserOnly ? ".userOnly" : string.Empty);

    /// <summary>A closed way is a fault only where no other leads to the same scope.</summary>
    private static HostCheckStatus Judge(UffdCreationAttempt attempt, HostReport report)
        => attempt.Works ? Good
            : report.FaultScope is null ? Failed
            : report.FaultScope == UffdFaultScope.UserAndKernel || attempt.FaultScope == UffdFaultScope.UserOnly ? Note
            : Limited;

    private static (string? Why, string? Remedy) Explain(UffdCreationAttempt attempt, HostReport report)
    {
        const string FullScope = "Without it a system call that touches a missing page fails with EFAULT, instead of waiting.";
        bool full = attempt.FaultScope == UffdFaultScope.UserAndKernel;
        if (attempt.Works)
        {
            return (null, null);
        }

        if (attempt.Method == UffdCreationMethod.Device)
        {
            return attempt.Errno switch
            {
                Errno.ENOENT when report.KernelHasDevice == true => ("The kernel has the device and this /dev does not show it.", DeviceRemedy),
                Errno.ENOENT => full ? ("The device came with Linux 6.1.", null) : (null, null),
                Errno.EPERM => ("A container's device rules forbid it.", DeviceRemedy),
                Errno.EACCES => (report.FaultScope == UffdFaultScope.UserOnly && full ? FullScope : null, attempt.Remedy),
                _ => (null, attempt.Remedy),
            };
        }

        return attempt.Errno switch
        {
            _ when SeccompRefuses(report) => ("A seccomp filter forbids it: a container's, or a service's.", SeccompRemedy),
            Errno.EINVAL when !full => ("User mode only came with Linux 5.11.", null),
            Errno.EPERM when full => ("It needs CAP_SYS_PTRACE, or the sysctl.", attempt.Remedy),
            _ => (null, attempt.Remedy),
        };
    }
}
