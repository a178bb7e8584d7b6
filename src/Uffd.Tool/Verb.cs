using System.CommandLine;

namespace Uffd.Tool;

/// <summary>
/// A verb of the command. It is a <see cref="Command"/> that cannot be made without examples: the help of each verb ends with
/// them and with the exit statuses.
/// </summary>
/// <param name="name">The word on the command line.</param>
/// <param name="description">What it does: the first line stands in the list of verbs.</param>
internal sealed class Verb(string name, string description) : Command(name, description)
{
    /// <summary>Command lines that a reader can copy, each with what it is for.</summary>
    public required IReadOnlyList<Example> Examples { get; init; }

    /// <summary>The exit statuses this verb can end with. Default: all of them.</summary>
    public IReadOnlyList<ExitStatus> ExitStatuses { get; init; } = ExitCodes.All;

    /// <summary>
    /// How long the verb may take to end after SIGINT or SIGTERM cancelled its token; then the process ends under it. A verb
    /// that holds other processes' memory needs long enough to settle every page: closing a userfaultfd leaves zeros. Null: the
    /// verb takes the signals itself. Default: 2 seconds.
    /// </summary>
    public TimeSpan? TerminationTimeout { get; init; } = TimeSpan.FromSeconds(2);
}

/// <summary>An example in the help.</summary>
/// <param name="CommandLine">To be copied: begins with <c>uffd</c> or <c>sudo</c>.</param>
/// <param name="Purpose">What it is for: a few words.</param>
internal sealed record Example(string CommandLine, string Purpose);
