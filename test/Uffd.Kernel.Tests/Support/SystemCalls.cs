using System.Runtime.InteropServices;

namespace Uffd.Kernel.Tests.Support;

/// <summary>System calls that only these tests need.</summary>
internal static unsafe partial class SystemCalls
{
    private const int FALLOC_FL_KEEP_SIZE = 1;
    private const int FALLOC_FL_PUNCH_HOLE = 2;

    /// <summary>Forks this process; the child ends at once, and is waited for.</summary>
    public static void ForkSelf()
    {
        nint library = NativeLibrary.Load(NativeCompiler.Build("forkself.so", ["forkself.c"], "-shared", "-fPIC"));
        var fork = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, "fork_and_reap"); // as declared in forkself.c
        Assert.Equal(0, fork());
    }

    public static void PunchHole(SafeDescriptorHandle file, ulong offset, ulong length)
        => Assert.Equal(0, FAllocate(file, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, (long)offset, (long)length));

    /// <summary>Gives a file its blocks, which a swap file must have.</summary>
    public static bool TryAllocate(SafeHandle file, long length) => FAllocate(file, 0, 0, length) == 0;

    public static void Lock(AddressRange range) => Assert.Equal(0, MLock((nint)range.Start, (nuint)range.Length));

    [LibraryImport("libc", EntryPoint = "fallocate64", SetLastError = true)]
    private static partial int FAllocate(SafeHandle fd, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "mlock", SetLastError = true)]
    private static partial int MLock(nint address, nuint length);
}
