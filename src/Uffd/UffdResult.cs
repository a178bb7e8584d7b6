using System.Runtime.CompilerServices;

namespace Uffd;

/// <summary>
/// What a resolving operation did: how many bytes, and why it stopped there if it stopped early. The kernel reports a partial
/// result as a positive count together with EAGAIN, and a refusal as a negated errno in the same field or not at all; here
/// the two are apart, and a refusal can never be taken for a size.
/// </summary>
/// <param name="Bytes">Bytes done, from the start of the range: zero or more.</param>
/// <param name="Errno">Why it stopped, or <see cref="Errno.None"/> when all was done.</param>
public readonly record struct UffdResult(ulong Bytes, Errno Errno)
{
    /// <summary>Whether the whole range was done.</summary>
    public bool IsComplete => Errno == Errno.None;

    /// <summary>Whether it may be tried again: the address space was changing, or the range was done in part.</summary>
    public bool ShouldRetry => Errno is Errno.EAGAIN or Errno.EINTR;

    /// <summary>Throws unless the whole range was done.</summary>
    /// <param name="operation">What was tried, for the message.</param>
    /// <exception cref="UffdException">The range was not done, or only in part.</exception>
    public void ThrowIfIncomplete([CallerMemberName] string operation = "")
    {
        if (Errno != Errno.None)
        {
            throw new UffdException($"{operation} stopped after {Bytes} bytes", Errno);
        }
    }

    /// <summary>
    /// Reads the kernel's two answers: the call's own, and the signed field that it may or may not have written
    /// (initialised to zero by the caller).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static UffdResult From(bool succeeded, long field, Errno errno)
    {
        if (succeeded)
        {
            return new UffdResult((ulong)field, Errno.None);
        }

        return field > 0
            ? new UffdResult((ulong)field, errno)
            : new UffdResult(0, errno);
    }
}
