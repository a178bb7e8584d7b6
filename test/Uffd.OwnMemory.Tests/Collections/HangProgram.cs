using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Uffd.OwnMemory.Tests;

/// <summary>
/// Runs test/Uffd.OwnMemory.Hang as a process, under a time limit. A hung runtime cannot be trusted to notice that it hangs: this process
/// ends it, and that is what a hang is.
/// </summary>
internal static class HangProgram
{
    /// <summary>How long it may say nothing: many times what one path takes on a busy machine, and longer than it itself waits for its threads.</summary>
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(90));

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);

    private static readonly string Dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path : "dotnet";

    /// <summary>Runs it.</summary>
    /// <param name="configuration">Which build of it and of the libraries: Debug or Release.</param>
    /// <param name="runtime">How the runtime is to be.</param>
    /// <param name="arguments">What it is to do.</param>
    /// <param name="limit">When it counts as hung, whatever it says; null for when it has said nothing for long.</param>
    public static async Task<HangResult> RunAsync(string configuration, RuntimeSettings runtime, IReadOnlyList<string> arguments, TimeSpan? limit = null)
    {
        Requires.Features(UffdFeatures.WriteProtectAsync | UffdFeatures.Sigbus);
        string program = Path.Combine(AppContext.BaseDirectory, "hang", configuration, "Uffd.OwnMemory.Hang.dll");
        var start = new ProcessStartInfo(Dotnet, ["exec", program, .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        runtime.ApplyTo(start.Environment);
        var output = new StringBuilder();
        long begin = Stopwatch.GetTimestamp();
        long heard = begin;
        using var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) =>
        {
            Append(output, line.Data);
            Volatile.Write(ref heard, Stopwatch.GetTimestamp());
        };
        process.ErrorDataReceived += (_, line) => Append(output, line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        Task end = process.WaitForExitAsync(CancellationToken.None);
        bool isHung = false;
        while (!isHung && await Task.WhenAny(end, Task.Delay(LookEvery)) != end)
        {
            isHung = Stopwatch.GetElapsedTime(limit is null ? Volatile.Read(ref heard) : begin) > (limit ?? Patience);
        }

        if (isHung)
        {
            process.Kill();
        }

        await end.WaitAsync(Patience);

        lock (output)
        {
            return new HangResult(isHung ? null : process.ExitCode, string.Create(CultureInfo.InvariantCulture, $"{configuration}, {runtime}:\n{output}"));
        }
    }

    private static void Append(StringBuilder output, string? line)
    {
        lock (output)
        {
            output.AppendLine(line);
        }
    }
}
