using System.Runtime.InteropServices;

namespace Uffd.Abi;

/// <summary>Constants of <c>fcntl.h</c> for files without a name.</summary>
internal static class NameAbi
{
    public const int O_TMPFILE_x86_64 = 0x41_0000;
    public const int O_TMPFILE_arm64 = 0x40_4000;

    public const int AT_SYMLINK_FOLLOW = 0x400;
    public const ushort S_IFREG = 0x8000;

    /// <summary>The flag of <c>open(2)</c> here: it has O_DIRECTORY in it, whose value the architectures do not share.</summary>
    public static int O_TMPFILE => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? O_TMPFILE_arm64 : O_TMPFILE_x86_64;
}
