using System.Runtime.InteropServices;

namespace Uffd.Abi;

/// <summary>Constants of sigaction(2), in C spelling.</summary>
internal static class SignalAbi
{
    public const int SIGCHLD = 17;
    public const int SA_NOCLDSTOP = 1;
}

/// <summary>The C library's struct sigaction, the same in glibc and musl on 64-bit machines.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct sigaction
{
    public nint sa_handler;
    public fixed ulong sa_mask[16];
    public int sa_flags;
    public nint sa_restorer;
}
