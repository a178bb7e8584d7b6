namespace Uffd.Testing;

/// <summary>What a <see cref="NativeTarget"/> answered to one command.</summary>
/// <param name="Errno"><see cref="Errno.None"/> when it worked.</param>
/// <param name="Text">What followed <c>ok</c>, or the name of the error and its explanation.</param>
public readonly record struct TargetReply(Errno Errno, string Text)
{
    /// <summary>Whether it worked.</summary>
    public bool Succeeded => Errno == Errno.None;

    /// <summary>The words of the answer.</summary>
    public string[] Words => Text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    internal static TargetReply Parse(string line)
    {
        if (line is "ok")
        {
            return new TargetReply(Errno.None, "");
        }

        if (line.StartsWith("ok ", StringComparison.Ordinal))
        {
            return new TargetReply(Errno.None, line["ok ".Length..]);
        }

        string[] parts = line.Split(' ', 3);
        return parts.Length == 3 && parts[0] is "error"
            ? new TargetReply((Errno)int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture), parts[2])
            : throw new FormatException($"a target answered: {line}");
    }
}

/// <summary>A command of a <see cref="NativeTarget"/> did not work.</summary>
public sealed class TargetException : Exception
{
    /// <summary>Creates an exception.</summary>
    /// <param name="command">The command.</param>
    /// <param name="reply">The answer.</param>
    public TargetException(string command, TargetReply reply)
        : base($"target: {command}: {reply.Text}")
        => Errno = reply.Errno;

    /// <summary>Creates an exception.</summary>
    /// <param name="message">The whole message.</param>
    /// <param name="innerException">The cause, or null.</param>
    public TargetException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    /// <summary>Creates an exception with no message.</summary>
    public TargetException()
    {
    }

    /// <summary>Creates an exception.</summary>
    /// <param name="message">The whole message.</param>
    public TargetException(string message)
        : base(message)
    {
    }

    /// <summary>The error number, if the target gave one.</summary>
    public Errno Errno { get; }
}

/// <summary>What came of touching one byte.</summary>
/// <param name="Value">Its value, or -1.</param>
/// <param name="Signal">The signal that came instead: <c>sigbus</c>, <c>sigsegv</c>, or null.</param>
public readonly record struct TouchResult(int Value, string? Signal)
{
    /// <summary>The page is poisoned, or behind the end of its file.</summary>
    public static readonly TouchResult Sigbus = new(-1, "sigbus");

    /// <summary>Nothing is mapped there.</summary>
    public static readonly TouchResult Sigsegv = new(-1, "sigsegv");

    internal static TouchResult Parse(string word)
        => word.StartsWith("sig", StringComparison.Ordinal)
            ? new TouchResult(-1, word)
            : new TouchResult(int.Parse(word, System.Globalization.CultureInfo.InvariantCulture), Signal: null);
}

/// <summary>The kinds of memory a target can map.</summary>
public enum TargetMemory
{
    /// <summary>Anonymous, private unless said otherwise.</summary>
    Anonymous,

    /// <summary>Shared anonymous.</summary>
    Shmem,

    /// <summary>A memfd, shared unless said otherwise; it can be sent with <c>memfd</c>.</summary>
    Memfd,

    /// <summary>Reserved huge pages of 2 MiB, private unless said otherwise: see <see cref="Requires.HugePages"/>.</summary>
    Hugetlb,
}
