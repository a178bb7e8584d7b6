using Microsoft.Win32.SafeHandles;
using Spectre.Console;

namespace Uffd.Tool.Output;

/// <summary>
/// Standard output, and what may be drawn on it. A terminal gets colours and symbols; a pipe, a file, <c>NO_COLOR</c> and
/// <c>TERM=dumb</c> get plain ASCII lines without escape sequences.
/// </summary>
internal sealed class Screen
{
    private readonly Lazy<IAnsiConsole> _console;

    private Screen(TextWriter output, bool isRich)
    {
        Output = output;
        IsRich = isRich;
        _console = new Lazy<IAnsiConsole>(() => AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isRich ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isRich ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = isRich ? InteractionSupport.Detect : InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        }));
    }

    /// <summary>Whether colours, symbols and moving displays are wanted.</summary>
    public bool IsRich { get; }

    /// <summary>For plain lines and JSON.</summary>
    public TextWriter Output { get; }

    /// <summary>For drawing; only where <see cref="IsRich"/>.</summary>
    public IAnsiConsole Console => _console.Value;

    /// <summary>Standard output.</summary>
    public static Screen Standard()
    {
        bool redirected = System.Console.IsOutputRedirected;
        bool isRich = WantsRich(redirected, Environment.GetEnvironmentVariable);
        return new Screen(isRich || redirected ? System.Console.Out : PlainTerminal(), isRich);
    }

    /// <summary>A terminal on which nothing but text is wanted: Console.Out would greet it with escape sequences of its own.</summary>
    private static StreamWriter PlainTerminal()
    {
        const int StandardOutput = 1;
        var handle = new SafeFileHandle(StandardOutput, ownsHandle: false);
        return new StreamWriter(new FileStream(handle, FileAccess.Write, bufferSize: 0)) { AutoFlush = true };
    }

    /// <summary>The decision, apart from the process it is made in.</summary>
    internal static bool WantsRich(bool redirected, Func<string, string?> environment)
        => !redirected
            && string.IsNullOrEmpty(environment("NO_COLOR"))
            && !string.Equals(environment("TERM"), "dumb", StringComparison.Ordinal);
}
