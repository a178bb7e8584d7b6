using Spectre.Console;

namespace Uffd.Tool.Output;

/// <summary>
/// Standard output, and what may be drawn on it. A terminal gets colours and symbols; a pipe, a file, <c>NO_COLOR</c> and
/// <c>TERM=dumb</c> get plain ASCII lines without escape sequences.
/// </summary>
internal sealed class Screen
{
    private Screen(TextWriter output, bool isRich)
    {
        Output = output;
        IsRich = isRich;
        Console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isRich ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isRich ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = isRich ? InteractionSupport.Detect : InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        });
    }

    /// <summary>Whether colours, symbols and moving displays are wanted.</summary>
    public bool IsRich { get; }

    /// <summary>For plain lines and JSON.</summary>
    public TextWriter Output { get; }

    /// <summary>For drawing; only where <see cref="IsRich"/>.</summary>
    public IAnsiConsole Console { get; }

    /// <summary>Standard output.</summary>
    public static Screen Standard() => new(System.Console.Out, WantsRich(System.Console.IsOutputRedirected, Environment.GetEnvironmentVariable));

    /// <summary>The decision, apart from the process it is made in.</summary>
    internal static bool WantsRich(bool redirected, Func<string, string?> environment)
        => !redirected
            && string.IsNullOrEmpty(environment("NO_COLOR"))
            && !string.Equals(environment("TERM"), "dumb", StringComparison.Ordinal);
}
