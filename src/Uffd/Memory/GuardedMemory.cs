using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>
/// Reads memory of this process that may not be readable, such as a mapped file that someone may cut short: the kernel
/// does the reading (process_vm_readv(2) on oneself) and answers EFAULT where a touch would raise SIGBUS and end the process.
/// </summary>
public static unsafe class GuardedMemory
{
    /// <summary>Reads bytes.</summary>
    /// <param name="address">Where.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <returns>
    /// <see cref="Errno.None"/> when all was read; EFAULT when not all of it can be; EPERM or ENOSYS where the system
    /// forbids the call.
    /// </returns>
    public static Errno TryRead(ulong address, Span<byte> destination)
    {
        fixed (byte* bytes = destination)
        {
            var local = new iovec { iov_base = bytes, iov_len = (nuint)destination.Length };
            var remote = new iovec { iov_base = (void*)address, iov_len = (nuint)destination.Length };
            nint read = LibC.ProcessVmReadv(Environment.ProcessId, &local, 1, &remote, 1, 0);
            return read == destination.Length ? Errno.None
                : read < 0 ? Kernel.LastErrno
                : Errno.EFAULT;
        }
    }
}
