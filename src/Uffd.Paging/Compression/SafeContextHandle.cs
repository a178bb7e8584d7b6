using Microsoft.Win32.SafeHandles;

namespace Uffd.Paging;

/// <summary>What a library needs to work with: freed once, also when nobody does it.</summary>
internal sealed class SafeContextHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly Action<nint> _free;

    /// <param name="context">What the library gave.</param>
    /// <param name="free">Its call that frees it.</param>
    /// <exception cref="UffdException">It gave nothing: there is no memory.</exception>
    public SafeContextHandle(nint context, Action<nint> free)
        : base(ownsHandle: true)
    {
        _free = free;
        SetHandle(context != 0 ? context : throw new UffdException("no memory to compress pages with", Errno.ENOMEM));
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        _free(handle);
        return true;
    }
}
