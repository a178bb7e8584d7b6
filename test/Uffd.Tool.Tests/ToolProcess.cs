using System.Diagnostics;

namespace Uffd.Tool.Tests;

/// <summary>How a run of the command ended.</summary>
internal sealed record ToolRun(int ExitCode, string Output, string Error)
{
    /// <summary>The lines of standard error.</summary>
    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Runs the built command as its users do: as a process, with its output in a pipe.</summary>
internal static class ToolProcess
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>The assembly that was built along with these tests.</summary>
    public static string AssemblyPath { get; } = Path.Combine(AppContext.BaseDirectory, "Uffd.Tool.dll");

    /// <summary>The runtime that runs the tests, so that both are the same.</summary>
    public static string DotnetPath { get; } = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path : "dotnet";

    /// <summary>
    /// For env(1): whoever runs the tests in the background of a shell has SIGINT ignored, and so would every process below it.
    /// </summary>
    public static IReadOnlyList<string> HearingSignals { get; } = ["--default-signal=INT,TERM"];

    /// <summary>Runs <c>uffd ARGUMENTS</c>.</summary>
    public static ToolRun Run(params string[] arguments) => RunProgram(DotnetPath, [AssemblyPath, .. arguments]);

    /// <summary>Runs another program, which may run the command in turn.</summary>
    public static ToolRun RunProgram(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', start.ArgumentList)} did not end within {Patience}");
        }

        return new ToolRun(process.ExitCode, output.Result, error.Result);
    }
}
