using System.Runtime.InteropServices;

namespace Uffd;

/// <summary>
/// A call to the kernel failed in a way that the caller could not expect. Answers that belong to paging (EAGAIN, EEXIST,
/// ENOENT, ESRCH) are returned in a <see cref="UffdResult"/> and not thrown. The message is one line: what failed, the
/// kernel's answer and, where there is one, what to do.
/// </summary>
public sealed class UffdException : IOException
{
    /// <summary>Creates an exception for a failed call.</summary>
    /// <param name="what">The call or step that failed.</param>
    /// <param name="errno">The kernel's answer, kept raw.</param>
    /// <param name="remedy">What the user can do, or null.</param>
    public UffdException(string what, Errno errno, string? remedy = null)
        : base(Describe(what, errno, remedy))
        => Errno = errno;

    /// <summary>Creates an exception with no error number.</summary>
    /// <param name="message">The whole message.</param>
    public UffdException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception around another.</summary>
    /// <param name="message">The whole message.</param>
    /// <param name="innerException">The cause.</param>
    public UffdException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates an exception with no message.</summary>
    public UffdException()
    {
    }

    /// <summary>The kernel's answer, or <see cref="Errno.None"/> where the failure was found before asking it.</summary>
    public Errno Errno { get; }

    /// <summary>
    /// Whether the system does not offer this to the caller at all, because a privilege or a kernel feature is missing: trying
    /// again will not help, what the message advises will.
    /// </summary>
    public bool IsUnavailable { get; init; }

    /// <summary>The errno's symbol and the C library's words for it: <c>EPERM (Operation not permitted)</c>.</summary>
    /// <param name="errno">The number.</param>
    public static string Describe(Errno errno)
    {
        string words = Marshal.GetPInvokeErrorMessage((int)errno);
        return Enum.IsDefined(errno) ? $"{errno} ({words})" : $"errno {(int)errno} ({words})";
    }

    private static string Describe(string what, Errno errno, string? remedy)
        => remedy is null ? $"{what}: {Describe(errno)}" : $"{what}: {Describe(errno)}; {remedy}";
}
