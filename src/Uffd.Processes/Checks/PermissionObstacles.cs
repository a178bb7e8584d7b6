using System.Globalization;
using Uffd.Abi;

namespace Uffd.Processes;

/// <summary>
/// Explains why this caller may not trace a process. Whether it may was asked of the kernel (<see cref="TargetFacts.Memory"/>); the rules of ptrace(2),
/// "Ptrace access mode checking", and of Documentation/admin-guide/LSM/Yama.rst say why not.
/// </summary>
internal static class PermissionObstacles
{
    private const string ContainerCapability = "docker run --cap-add SYS_PTRACE ... (Kubernetes: securityContext.capabilities.add: [SYS_PTRACE])";
    private const int NamesLength = 64;

    /// <summary>The system calls themselves.</summary>
    public static TargetObstacle? Calls(CallerFacts caller, string containerFilter) => caller switch
    {
        { Ptrace: not Errno.None } => new($"this program may not call ptrace: {UffdException.Describe(caller.Ptrace)} (a seccomp filter)", containerFilter, IsPermission: true),
        { PidfdGetfd: Errno.ENOSYS } => new("this kernel has no pidfd_getfd, or a seccomp filter says so: it needs Linux 5.6", containerFilter, IsPermission: true),
        { PidfdGetfd: not Errno.None } => new($"this program may not call pidfd_getfd: {UffdException.Describe(caller.PidfdGetfd)} (a seccomp filter)", containerFilter, IsPermission: true),
        _ => null,
    };

    /// <summary>Its memory.</summary>
    public static TargetObstacle? Memory(TargetFacts target, CallerFacts caller)
    {
        if (target.Memory == Errno.None || target.Status is not { } status)
        {
            return null;
        }

        string what = string.Create(CultureInfo.InvariantCulture, $"process {target.ProcessId} may not be traced by this user: ");
        bool isRoot = caller.Status.EffectiveUserId == 0;
        string capability = isRoot ? ContainerCapability : "run it with sudo, or give it CAP_SYS_PTRACE";
        (string why, string? remedy) = target.Memory switch
        {
            Errno.ESRCH => ("it has just ended", null),
            not (Errno.EACCES or Errno.EPERM) => (UffdException.Describe(target.Memory), null),
            _ when caller.YamaScope >= 3 => ("Yama forbids it to everybody until the next boot (kernel.yama.ptrace_scope is 3)", "set the sysctl lower in /etc/sysctl.d and boot again"),
            _ when caller.HasCapSysPtrace && !caller.Status.Has(InspectionAbi.CAP_DAC_OVERRIDE) && target.OwnerOfFiles != caller.Status.EffectiveUserId
                => ("CAP_SYS_PTRACE is there, and CAP_DAC_OVERRIDE is needed beside it to open another user's /proc/PID/mem", "give it both, or run it with sudo"),
            _ when caller.HasCapSysPtrace && !caller.IsInFirstUserNamespace => ("it lives outside this user namespace, where the capabilities of here count nothing", "run it on the host, outside the container"),
            _ when caller.HasCapSysPtrace => ("a security module (SELinux, AppArmor) seems to forbid it", "look into the kernel's log: sudo dmesg | grep -i denied"),
            _ when !SameUser(status, caller.Status) => (Differs(status, isRoot), capability),
            _ when target.OwnerOfFiles == 0 && status.EffectiveUserId != 0
                => ("it is not dumpable (a set-user-id program, one with file capabilities, or it said so itself with prctl(PR_SET_DUMPABLE))", capability),
            _ when (status.Permitted & ~caller.Status.Permitted) != 0 => ("it has capabilities that this program does not have", capability),
            _ when caller.YamaScope == 2 => ("Yama allows it only with CAP_SYS_PTRACE (kernel.yama.ptrace_scope is 2)", capability),
            _ when caller.YamaScope == 1 => (
                "Yama allows it only for a program's own children (kernel.yama.ptrace_scope is 1)",
                "sudo sysctl -w kernel.yama.ptrace_scope=0, or run it with sudo, or let the process name this one with prctl(PR_SET_PTRACER)"),
            _ => ("it lives in another user namespace, or a security module (SELinux, AppArmor) forbids it", capability),
        };
        return new TargetObstacle(what + why, remedy, target.Memory is Errno.EACCES or Errno.EPERM);
    }

    /// <summary>A filter that would answer, or kill, for the one call.</summary>
    public static TargetObstacle? Seccomp(TargetFacts target, CallerFacts caller, string containerFilter)
    {
        if (!target.HasSeccomp)
        {
            return null;
        }

        string what = string.Create(CultureInfo.InvariantCulture, $"process {target.ProcessId} runs under a seccomp filter, which must be suspended for one system call: ");
        return caller switch
        {
            { KernelSuspendsSeccomp: false } => new($"{what}this kernel cannot (it was built without CONFIG_CHECKPOINT_RESTORE)", Remedy: null, IsPermission: false),
            { Status.SeccompMode: not 0 } => new($"{what}not from under a filter of its own, as this program is", containerFilter, IsPermission: true),
            _ when !caller.Status.Has(InspectionAbi.CAP_SYS_ADMIN) => new(
                $"{what}that needs CAP_SYS_ADMIN", "run it with sudo (docker run --cap-add SYS_ADMIN --cap-add SYS_PTRACE --security-opt seccomp=unconfined ...)", IsPermission: true),
            { IsInFirstUserNamespace: false } => new($"{what}that needs CAP_SYS_ADMIN on the host, not only in this user namespace", "run it on the host", IsPermission: true),
            _ => null,
        };
    }

    /// <summary>A process may call itself what it likes, and a terminal would obey some of it.</summary>
    public static string Printable(string? name)
        => name is null ? "unknown" : string.Concat(name.Take(NamesLength).Select(letter => char.IsControl(letter) ? '?' : letter));

    /// <summary>All three ids of the target must be those of the caller, users and groups.</summary>
    private static bool SameUser(StatusText target, StatusText caller)
        => caller.EffectiveUserId is { } user
            && target.UserIds.Take(3).All(id => id == user)
            && target.GroupIds.Take(3).All(id => caller.GroupIds.Count > 1 && id == caller.GroupIds[1]);

    private static string Differs(StatusText target, bool callerIsRoot)
    {
        const string Lacks = ", and CAP_SYS_PTRACE is missing";
        string whose = target.EffectiveUserId is { } user ? string.Create(CultureInfo.InvariantCulture, $"it runs as user {user}") : "it runs as another user";
        return whose + (callerIsRoot ? Lacks : string.Empty);
    }
}
