using System.Runtime.InteropServices;

namespace Uffd.Migration.Tests.Memory;

/// <summary>Maps memory over memory, as programs do.</summary>
internal static partial class NativeMap
{
    private const int ReadWrite = 3;
    private const int PrivateFixedAnonymous = 0x02 | 0x10 | 0x20;

    /// <summary>Puts other memory, zeros, where some is.</summary>
    public static void Replace(AddressRange range)
        => Assert.Equal((nint)range.Start, MMap((nint)range.Start, (nuint)range.Length, ReadWrite, PrivateFixedAnonymous, -1, 0));

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint MMap(nint address, nuint length, int protection, int flags, int descriptor, long offset);
}
