using System.Runtime.InteropServices;
using Uffd.Abi;

namespace Uffd.Interop;

/// <summary>The gate through which every errno passes: read once, kept raw, turned into one kind of exception.</summary>
internal static class Kernel
{
    /// <summary>The errno of the call just made on this thread.</summary>
    public static Errno LastErrno => (Errno)Marshal.GetLastPInvokeError();

    /// <summary>Throws for the call just made.</summary>
    public static UffdException Failure(string what) => new(what, LastErrno);

    /// <summary>Takes ownership of a descriptor that a call returned, or throws.</summary>
    public static SafeDescriptorHandle Own(nint descriptor, string what)
        => descriptor < 0 ? throw Failure(what) : new SafeDescriptorHandle(descriptor);

    /// <summary>Sets or clears O_NONBLOCK.</summary>
    public static void SetNonBlocking(SafeDescriptorHandle handle, bool nonBlocking)
    {
        int flags = LibC.Fcntl(handle, DescriptorAbi.F_GETFL, 0);
        if (flags < 0)
        {
            throw Failure("fcntl(F_GETFL)");
        }

        int wanted = nonBlocking ? flags | DescriptorAbi.O_NONBLOCK : flags & ~DescriptorAbi.O_NONBLOCK;
        if (wanted != flags && LibC.Fcntl(handle, DescriptorAbi.F_SETFL, wanted) < 0)
        {
            throw Failure("fcntl(F_SETFL)");
        }
    }
}
