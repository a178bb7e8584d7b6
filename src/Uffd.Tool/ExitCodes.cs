using System.Globalization;

namespace Uffd.Tool;

/// <summary>The one place where the command's exit statuses are listed. Scripts rely on them: never change a meaning.</summary>
internal static class ExitCodes
{
    /// <summary>What was asked is done.</summary>
    public const int Done = 0;

    /// <summary>What was asked did not succeed: a verification failed, a peer went away, something unexpected happened.</summary>
    public const int Failed = 1;

    /// <summary>The arguments are wrong; nothing was tried.</summary>
    public const int Usage = 2;

    /// <summary>The system does not allow it to this caller: a privilege or a kernel feature is missing.</summary>
    public const int NotAllowed = 3;

    /// <summary>An input, such as the image, is missing, empty or unreadable.</summary>
    public const int BadInput = 4;

    /// <summary>Interrupted (SIGINT, or SIGTERM where a verb does not take that for its regular end), as shells count SIGINT.</summary>
    public const int Interrupted = 130;

    /// <summary>Every status with its meaning, as the help shows them.</summary>
    public static IReadOnlyList<ExitStatus> All { get; } =
    [
        new(Done, "done"),
        new(Failed, "what was asked did not succeed"),
        new(Usage, "wrong arguments"),
        new(NotAllowed, "the system does not allow it: a privilege or a kernel feature is missing"),
        new(BadInput, "an input is missing, empty or unreadable"),
        new(Interrupted, "interrupted"),
    ];
}

/// <summary>An exit status and what it means, for a verb's help.</summary>
/// <param name="Code">The number.</param>
/// <param name="Meaning">One line, lower case, no full stop.</param>
internal sealed record ExitStatus(int Code, string Meaning)
{
    /// <summary>A line of the help.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Code,-3}  {Meaning}");
}
