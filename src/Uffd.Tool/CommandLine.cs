using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Reflection;
using Uffd.Tool.Commands;

namespace Uffd.Tool;

/// <summary>
/// Parses, runs, and turns every end into an exit status. To add a verb: write <c>Commands/NAMECommand.cs</c> with a static
/// <c>Create()</c> that returns a <see cref="Verb"/>, and list it in <see cref="Verbs"/>.
/// </summary>
internal static class CommandLine
{
    /// <summary>Runs the command.</summary>
    /// <param name="args">What stands behind <c>uffd</c>.</param>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        TextWriter error = Console.Error;
        try
        {
            RootCommand root = CreateRoot();
            ParseResult result = root.Parse(args);
            if (result.Errors.Count > 0 && result.Action is not SynchronousCommandLineAction { ClearsParseErrors: true })
            {
                return args.Length == 0 ? ShowHelp(root, error) : ReportUsage(result, error);
            }

            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            using Interruption? interruption = result is { Action: AsynchronousCommandLineAction, CommandResult.Command: Verb { TerminationTimeout: { } patience } }
                ? new Interruption(patience)
                : null;
            return await result.InvokeAsync(configuration, interruption?.Token ?? CancellationToken.None);
        }
        catch (Exception exception)
        {
            return Failure.Report(exception, error);
        }
    }

    private static IEnumerable<Command> Verbs() =>
    [
        SnapshotCommand.Create(),
        InspectCommand.Create(),
        ConvertCommand.Create(),
        TrackCommand.Create(),
        DemoCommand.Create(),
        ServeCommand.Create(),
        PageServerCommand.Create(),
        StatusCommand.Create(),
        WorkingSetCommand.Create(),
        DoctorCommand.Create(),
        DemoWorkerCommand.Create(),
        DemoMappedCommand.Create(),
        DemoMigrateCommand.Create(),
    ];

    private static RootCommand CreateRoot()
    {
        var root = new RootCommand("Userland paging for Linux: hands a program's page faults to whoever has its memory.")
        {
            HelpName = "uffd",
        };
        root.Options.Clear();
        root.Options.Add(new HelpOption("--help", "-h") { Action = new HelpWithExamples(), Description = "Show this help" });
        root.Options.Add(new VersionOption { Action = new ShowVersion(), Description = "Show the version" });
        root.Directives.Clear(); // [suggest] and [diagram] are for the parser's developers
        foreach (Command verb in Verbs())
        {
            root.Subcommands.Add(verb);
        }

        return root;
    }

    /// <summary>A bare <c>uffd</c> comes from a person who looks around, or from a script with an empty variable.</summary>
    private static int ShowHelp(RootCommand root, TextWriter error)
    {
        _ = root.Parse(["--help"]).Invoke(new InvocationConfiguration { Output = error });
        return ExitCodes.Usage;
    }

    private static int ReportUsage(ParseResult result, TextWriter error)
    {
        // The word that was not understood says more than the verb or value that is therefore missing.
        ParseError first = result.Errors.FirstOrDefault(one => one.Message.StartsWith("Unrecognized", StringComparison.Ordinal)) ?? result.Errors[0];
        string message = first.Message.TrimEnd('.');
        string verb = NameOf(result.CommandResult);
        Failure.Print(error, $"{char.ToLowerInvariant(message[0])}{message[1..]}; see {verb} --help");
        return ExitCodes.Usage;
    }

    private static string NameOf(CommandResult result)
        => result is { Command: Verb verb, Parent: CommandResult parent } ? $"{NameOf(parent)} {verb.Name}" : "uffd";

    private sealed class ShowVersion : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            Assembly assembly = typeof(CommandLine).Assembly;
            string version = assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
                ?? assembly.GetName().Version?.ToString()
                ?? "unknown";
            string[] parts = version.Split('+', 2);
            parseResult.InvocationConfiguration.Output.WriteLine(
                parts.Length == 2 ? $"uffd {parts[0]} (commit {parts[1][..Math.Min(12, parts[1].Length)]})" : $"uffd {parts[0]}");
            return ExitCodes.Done;
        }
    }
}
