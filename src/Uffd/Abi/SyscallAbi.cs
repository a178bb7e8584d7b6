using System.Runtime.InteropServices;

namespace Uffd.Abi;

/// <summary>System call numbers that the C library has no function for, per architecture.</summary>
internal static class SyscallAbi
{
    public const int SYS_userfaultfd_x86_64 = 323;
    public const int SYS_userfaultfd_arm64 = 282;

    // Calls added since Linux 5.1 have one number on every architecture.
    public const int SYS_pidfd_send_signal = 424;
    public const int SYS_pidfd_open = 434;
    public const int SYS_process_madvise = 440;

    /// <summary>The number of <c>userfaultfd(2)</c> here.</summary>
    /// <exception cref="PlatformNotSupportedException">Neither x86-64 nor arm64.</exception>
    public static int SYS_userfaultfd => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => SYS_userfaultfd_x86_64,
        Architecture.Arm64 => SYS_userfaultfd_arm64,
        var other => throw new PlatformNotSupportedException($"Uffd knows x86-64 and arm64, not {other}"),
    };
}
