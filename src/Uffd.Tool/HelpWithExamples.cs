using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Uffd.Tool;

/// <summary>The library's help, followed by what it has no place for: examples and exit statuses.</summary>
internal sealed class HelpWithExamples : SynchronousCommandLineAction
{
    private readonly HelpAction _inner = new();

    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        int status = _inner.Invoke(parseResult);
        TextWriter output = parseResult.InvocationConfiguration.Output;
        Command command = parseResult.CommandResult.Command;
        if (command is Verb verb)
        {
            WriteExamples(output, verb.Examples);
            WriteStatuses(output, verb.ExitStatuses);
        }
        else
        {
            WriteExamples(output, [.. command.Subcommands.OfType<Verb>().Where(one => !one.Hidden).SelectMany(one => one.Examples.Take(1))]);
            WriteStatuses(output, ExitCodes.All);
            output.WriteLine();
            output.WriteLine("Each verb has its own: uffd VERB --help");
        }

        return status;
    }

    private static void WriteExamples(TextWriter output, IReadOnlyList<Example> examples)
    {
        output.WriteLine("Examples:");
        int width = examples.Max(example => example.CommandLine.Length);
        foreach (Example example in examples)
        {
            output.WriteLine($"  {example.CommandLine.PadRight(width)}  # {example.Purpose}");
        }

        output.WriteLine();
    }

    private static void WriteStatuses(TextWriter output, IReadOnlyList<ExitStatus> statuses)
    {
        output.WriteLine("Exit status:");
        foreach (ExitStatus status in statuses)
        {
            output.WriteLine($"  {status}");
        }
    }
}
