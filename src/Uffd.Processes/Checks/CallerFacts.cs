using System.Globalization;
using Uffd.Abi;
using Uffd.Diagnostics;

namespace Uffd.Processes;

/// <summary>What this process may do to others.</summary>
internal sealed record CallerFacts
{
    public required StatusText Status { get; init; }

    /// <summary>The sysctl kernel.yama.ptrace_scope, or null where Yama is not there.</summary>
    public long? YamaScope { get; init; }

    /// <summary>The user namespace, as its link reads: <c>user:[4026531837]</c>.</summary>
    public string? UserNamespace { get; init; }

    /// <summary>Whether /proc shows this process under its own id: otherwise it belongs to another pid namespace.</summary>
    public bool ProcIsOwn { get; init; }

    /// <summary>Whether the kernel can suspend seccomp at all (CONFIG_CHECKPOINT_RESTORE).</summary>
    public bool KernelSuspendsSeccomp { get; init; }

    /// <summary>What stands before ptrace(2).</summary>
    public Errno Ptrace { get; init; }

    /// <summary>What stands before pidfd_getfd(2).</summary>
    public Errno PidfdGetfd { get; init; }

    /// <summary>The first user namespace has one fixed number (PROC_USER_INIT_INO).</summary>
    public bool IsInFirstUserNamespace => string.Equals(UserNamespace, "user:[4026531837]", StringComparison.Ordinal);

    public bool HasCapSysPtrace => Status.Has(InspectionAbi.CAP_SYS_PTRACE);

    public static CallerFacts Collect() => new()
    {
        Status = StatusText.TryRead("/proc/thread-self/status") ?? StatusText.Parse(string.Empty),
        YamaScope = ProcText.Number(HostInspection.Read("/proc/sys/kernel/yama/ptrace_scope")),
        UserNamespace = LinkOf("/proc/self/ns/user"),
        ProcIsOwn = string.Equals(LinkOf("/proc/self"), Environment.ProcessId.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal),
        KernelSuspendsSeccomp = File.Exists("/proc/self/timers"), // there with that option only
        Ptrace = TracingProbe.TryPtrace(),
        PidfdGetfd = TracingProbe.TryPidfdGetfd(),
    };

    /// <summary>Where a symbolic link leads, or null.</summary>
    public static string? LinkOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
