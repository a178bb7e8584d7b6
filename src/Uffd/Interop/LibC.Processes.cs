using System.Runtime.InteropServices;
using Uffd.Abi;

namespace Uffd.Interop;

/// <summary>The calls that look into other processes.</summary>
internal static unsafe partial class LibC
{
    /// <summary>The system call itself: the C library's wrapper changes the meaning of PEEK requests and of the fourth argument.</summary>
    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    public static partial nint SyscallPtrace(nint number, nint request, nint thread, nint address, nint data);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    public static partial nint SyscallPidfdGetfd(nint number, nint pidfd, nint descriptor, nint flags);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    public static partial nint SyscallWait4(nint number, nint thread, int* status, nint options, nint usage);

    [LibraryImport(Library, EntryPoint = "process_vm_writev", SetLastError = true)]
    public static partial nint ProcessVmWritev(int pid, iovec* local, nuint localCount, iovec* remote, nuint remoteCount, nuint flags);
}
