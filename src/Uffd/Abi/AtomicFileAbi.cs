using System.Runtime.InteropServices;

namespace Uffd.Abi;

/// <summary>Constants of <c>fcntl.h</c> for files that have no name yet.</summary>
internal static class AtomicFileAbi
{
    public const int O_TMPFILE_x86_64 = 0x41_0000;
    public const int O_TMPFILE_arm64 = 0x40_4000;

    public const int AT_SYMLINK_FOLLOW = 0x400;

    /// <summary>The flag of <c>open(2)</c> here: it contains O_DIRECTORY, whose bit differs.</summary>
    public static int O_TMPFILE => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? O_TMPFILE_arm64 : O_TMPFILE_x86_64;
}
