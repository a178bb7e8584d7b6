using System.Runtime.InteropServices;
using Uffd.Abi;

namespace Uffd.Interop;

/// <summary>The calls that look into other processes.</summary>
internal static unsafe partial class LibC
{
    /// <summary>The system call itself: the C library's wrapper changes the meaning of PEEK requests and of the fourth argument.</summary>
    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    public static partial nint SyscallPtrace(nint number, nint request, nint thread, nint address, void* data);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    public static partial nint SyscallPidfdGetfd(nint number, nint pidfd, nint descriptor, nint flags);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    public static partial nint SyscallWaitId(nint number, nint kind, nint id, void* information, nint options, nint usage);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    public static partial nint SyscallGetDents(nint number, nint descriptor, void* entries, nint length);

    [LibraryImport(Library, EntryPoint = "process_vm_writev", SetLastError = true)]
    public static partial nint ProcessVmWritev(int pid, iovec* local, nuint localCount, iovec* remote, nuint remoteCount, nuint flags);

    [LibraryImport(Library, EntryPoint = "sigaction", SetLastError = true)]
    public static partial int SigAction(int signal, sigaction* action, sigaction* previous);

    [LibraryImport(Library, EntryPoint = "prctl", SetLastError = true)]
    public static partial int ProcessControl(int option, nint argument);

    [LibraryImport(Library, EntryPoint = "nanosleep", SetLastError = true)]
    public static partial int NanoSleep(timespec* time, timespec* remaining);
}
