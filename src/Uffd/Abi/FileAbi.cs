using System.Runtime.InteropServices;

namespace Uffd.Abi;

/// <summary>Constants of <c>fcntl.h</c> and <c>sys/file.h</c> for files that hold pages.</summary>
internal static class FileAbi
{
    public const int O_CREAT = 0x40;
    public const int O_EXCL = 0x80;
    public const int O_DIRECT_x86_64 = 0x4000;
    public const int O_DIRECT_arm64 = 0x10000;

    public const int LOCK_EX = 2;
    public const int LOCK_NB = 4;
    public const int LOCK_UN = 8;

    /// <summary>The flag of <c>open(2)</c> here.</summary>
    public static int O_DIRECT => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? O_DIRECT_arm64 : O_DIRECT_x86_64;
}
