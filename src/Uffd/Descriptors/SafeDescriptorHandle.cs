using Microsoft.Win32.SafeHandles;
using Uffd.Interop;

namespace Uffd;

/// <summary>
/// An owned file descriptor. The descriptor is closed once, by <see cref="System.Runtime.InteropServices.SafeHandle.Dispose()"/>
/// or the finalizer, and never while a call is using it, so that a recycled number cannot be hit by mistake.
/// </summary>
public class SafeDescriptorHandle : SafeHandleMinusOneIsInvalid
{
    /// <summary>Creates an empty handle.</summary>
    public SafeDescriptorHandle()
        : base(ownsHandle: true)
    {
    }

    /// <summary>Takes ownership of <paramref name="descriptor"/>.</summary>
    /// <param name="descriptor">An open descriptor of this process.</param>
    public SafeDescriptorHandle(nint descriptor)
        : base(ownsHandle: true)
        => SetHandle(descriptor);

    /// <summary>
    /// Gives up ownership and returns the number, for a caller that wraps it in another handle. This handle is empty afterwards.
    /// </summary>
    internal nint Release()
    {
        nint descriptor = handle;
        SetHandleAsInvalid();
        return descriptor;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => LibC.Close(handle) == 0;
}
