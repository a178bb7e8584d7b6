using System.Runtime.InteropServices;

namespace Uffd.Abi;

/// <summary>What it takes to ask whether another process may be traced, without doing so.</summary>
internal static class InspectionAbi
{
    public const int SYS_ptrace_x86_64 = 101;
    public const int SYS_ptrace_arm64 = 117;
    public const int SYS_pidfd_getfd_number = 438;

    public const int PTRACE_DETACH_request = 17;

    /// <summary>Of <c>include/linux/sched.h</c>: a thread of the kernel, in the ninth field of /proc/PID/stat.</summary>
    public const ulong PF_KTHREAD = 0x0020_0000;

    public const int CAP_DAC_OVERRIDE = 1;
    public const int CAP_SYS_PTRACE = 19;
    public const int CAP_SYS_ADMIN = 21;

    /// <summary>The number of <c>ptrace(2)</c> here.</summary>
    public static int SYS_ptrace_number => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? SYS_ptrace_arm64 : SYS_ptrace_x86_64;
}
