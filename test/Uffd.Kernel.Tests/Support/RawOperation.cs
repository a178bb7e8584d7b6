using System.Runtime.InteropServices;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd.Kernel.Tests.Support;

/// <summary>
/// The bare calls, for what the library does not show: the signed field of the result as the kernel left it, and arguments
/// that the library would not make.
/// </summary>
internal static unsafe class RawOperation
{
    public static (Errno Errno, long Field) Run(Userfaultfd userfaultfd, uffdio_copy argument)
        => (Call(userfaultfd, UserfaultfdAbi.UFFDIO_COPY, &argument), argument.copy);

    public static (Errno Errno, long Field) Run(Userfaultfd userfaultfd, uffdio_zeropage argument)
        => (Call(userfaultfd, UserfaultfdAbi.UFFDIO_ZEROPAGE, &argument), argument.zeropage);

    public static (Errno Errno, long Field) Run(Userfaultfd userfaultfd, uffdio_move argument)
        => (Call(userfaultfd, UserfaultfdAbi.UFFDIO_MOVE, &argument), argument.move);

    public static (Errno Errno, long Field) Run(Userfaultfd userfaultfd, uffdio_poison argument)
        => (Call(userfaultfd, UserfaultfdAbi.UFFDIO_POISON, &argument), argument.updated);

    public static (Errno Errno, long Field) Run(Userfaultfd userfaultfd, uffdio_continue argument)
        => (Call(userfaultfd, UserfaultfdAbi.UFFDIO_CONTINUE, &argument), argument.mapped);

    /// <summary>A call with an argument that need not be one.</summary>
    public static Errno Call(Userfaultfd userfaultfd, uint request, void* argument) => Call(userfaultfd.Handle, request, argument);

    /// <summary>A call on a descriptor that need not have had its handshake.</summary>
    public static Errno Call(SafeHandle handle, uint request, void* argument)
        => LibC.Ioctl(handle, request, argument) >= 0 ? Errno.None : (Errno)Marshal.GetLastPInvokeError();

    /// <summary>Reads into so many bytes.</summary>
    public static Errno Read(SafeHandle handle, int bytes)
    {
        byte* buffer = stackalloc byte[bytes];
        return LibC.Read(handle, buffer, (nuint)bytes) >= 0 ? Errno.None : (Errno)Marshal.GetLastPInvokeError();
    }

    /// <summary>What poll(2) tells of a descriptor at once.</summary>
    public static short Poll(SafeHandle handle)
    {
        var poll = new pollfd { fd = (int)handle.DangerousGetHandle(), events = DescriptorAbi.POLLIN }; // alive: the caller's
        return LibC.Poll(&poll, 1, 0) >= 0 ? poll.revents : throw new UffdException("poll", (Errno)Marshal.GetLastPInvokeError());
    }
}
