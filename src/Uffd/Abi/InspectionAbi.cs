namespace Uffd.Abi;

/// <summary>What it takes to ask whether another process may be traced, without doing so.</summary>
internal static class InspectionAbi
{
    /// <summary>Of <c>include/linux/sched.h</c>: a thread of the kernel, in the ninth field of /proc/PID/stat.</summary>
    public const ulong PF_KTHREAD = 0x0020_0000;

    public const int CAP_DAC_OVERRIDE = 1;
    public const int CAP_SYS_PTRACE = 19;
    public const int CAP_SYS_ADMIN = 21;
}
