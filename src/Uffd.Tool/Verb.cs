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
}

/// <summary>An example in the help.</summary>
/// <param name="CommandLine">To be copied: begins with <c>uffd</c> or <c>sudo</c>.</param>
/// <param name="Purpose">What it is for: a few words.</param>
internal sealed record Example(string CommandLine, string Purpose);
