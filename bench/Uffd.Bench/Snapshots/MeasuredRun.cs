using System.Text.Json;

namespace Uffd.Bench;

/// <summary>A program that was run to its end, and what it took.</summary>
/// <param name="Seconds">From its start to its end.</param>
/// <param name="PeakBytes">Its largest resident memory, or that of the largest of its children.</param>
/// <param name="Output">What it printed.</param>
internal sealed record MeasuredRun(double Seconds, long PeakBytes, string Output)
{
    /// <summary>Runs a program.</summary>
    /// <param name="programs">Has the program that runs it.</param>
    /// <param name="directory">Where a small file may be written for the time.</param>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="cancellation">Kills it.</param>
    public static async Task<MeasuredRun> RunAsync(SnapshotPrograms programs, string directory, string[] command, CancellationToken cancellation)
    {
        var facts = Path.Combine(directory, "run.json");
        var start = Programs.Command(programs.Runner, null, [facts, .. command]);

        // A .NET program's host looks for the runtime; the one that runs this benchmark is the one to use.
        if (Path.GetFullPath(Path.Combine(AppContext.GetData("FX_DEPS_FILE")?.ToString() ?? "/", "../../../..")) is var root
            && File.Exists(Path.Combine(root, "dotnet")))
        {
            start.Environment.TryAdd("DOTNET_ROOT", root);
        }

        using var program = Programs.Start(start, "it was compiled for this run");
        var (output, errors) = await Programs.FinishAsync(program, null, cancellation);
        if (program.ExitCode != 0)
        {
            throw new BenchException($"{Path.GetFileName(command[0])} {command.ElementAtOrDefault(1)} ended with exit code {program.ExitCode}: {Programs.FirstLine(errors + output)}");
        }

        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(facts, cancellation));
        return new MeasuredRun(json.RootElement.GetProperty("seconds").GetDouble(), json.RootElement.GetProperty("peakBytes").GetInt64(), output);
    }
}
