namespace Uffd;

/// <summary>
/// An owned userfaultfd. <b>Closing the last copy of one is corruption</b>: threads that wait on a missing page, and those
/// that touch one later, silently read zeros (userfaultfd(2), measured on Linux 6.18). A pager resolves, poisons or unregisters
/// what is missing before it closes.
/// </summary>
public sealed class SafeUserfaultfdHandle : SafeDescriptorHandle
{
    /// <summary>Creates an empty handle.</summary>
    public SafeUserfaultfdHandle()
    {
    }

    /// <summary>Takes ownership of <paramref name="descriptor"/>.</summary>
    /// <param name="descriptor">An open userfaultfd of this process.</param>
    public SafeUserfaultfdHandle(nint descriptor)
        : base(descriptor)
    {
    }
}
