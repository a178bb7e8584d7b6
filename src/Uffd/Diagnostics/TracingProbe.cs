using Uffd.Abi;
using Uffd.Interop;

namespace Uffd.Diagnostics;

/// <summary>
/// Asks for the calls that looking into other processes takes, in ways that touch nobody: what comes back tells whether a seccomp filter of this
/// process stands before the kernel.
/// </summary>
internal static unsafe class TracingProbe
{
    /// <summary>Whether ptrace(2) is answered by the kernel: it knows no process 0 (ESRCH), where a filter says EPERM or ENOSYS.</summary>
    /// <returns><see cref="Errno.None"/>, or what the filter answers.</returns>
    public static Errno TryPtrace()
        => LibC.SyscallPtrace(PtraceAbi.SYS_ptrace, PtraceAbi.PTRACE_DETACH, 0, 0, null) < 0 && Kernel.LastErrno is var errno and not Errno.ESRCH
            ? errno
            : Errno.None;

    /// <summary>Whether pidfd_getfd(2) (Linux 5.6) is answered by the kernel: descriptor -1 is none (EBADF).</summary>
    /// <returns><see cref="Errno.None"/>, or what the filter, or an older kernel, answers.</returns>
    public static Errno TryPidfdGetfd()
        => LibC.SyscallPidfdGetfd(PtraceAbi.SYS_pidfd_getfd, -1, 0, 0) < 0 && Kernel.LastErrno is var errno and not Errno.EBADF
            ? errno
            : Errno.None;

    /// <summary>Whether this kernel has PAGEMAP_SCAN (Linux 6.7); null where /proc/self/pagemap cannot be opened.</summary>
    public static bool? HasPagemapScan()
    {
        try
        {
            using PagemapScan pagemap = PagemapScan.OpenSelf();
            pagemap.Scan(new AddressRange(0, 0), new PagemapScanOptions { RequireWriteProtectAsync = false }, []);
            return true;
        }
        catch (UffdException exception)
        {
            return exception.Errno switch
            {
                Errno.ENOTTY => false,
                Errno.EINVAL or Errno.EPERM => true, // the call is there, and disliked what it was asked
                _ => null,
            };
        }
    }
}
