using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace Uffd.Bench;

/// <summary>Starts programs: a server for a while, the compiler and the measuring programs to their end.</summary>
internal static class Programs
{
    /// <summary>
    /// No measuring program takes this long. One that does waits for a page that nobody brings, and would for ever.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public static ProcessStartInfo Command(string program, int? cpu, params ReadOnlySpan<string> arguments)
    {
        var start = new ProcessStartInfo(cpu is null ? program : "taskset")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (cpu is { } number)
        {
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add($"{number}");
            start.ArgumentList.Add(program);
        }

        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return start;
    }

    public static Process Start(ProcessStartInfo start, string whenMissing)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            const int NoSuchFile = 2;
            var reason = e.NativeErrorCode == NoSuchFile ? "was not found" : $"could not be started: {e.Message}";
            throw new BenchException($"{start.FileName} {reason} ({whenMissing})");
        }
    }

    /// <summary>Runs a measuring program to its end and returns the JSON object it prints.</summary>
    public static async Task<JsonElement> MeasureAsync(
        ProcessStartInfo start, ServerProcess? server, CancellationToken cancellation)
    {
        using var program = Start(start, "taskset is part of util-linux");
        var (output, errors) = await FinishAsync(program, server, cancellation);
        if (program.ExitCode != 0)
        {
            var name = Path.GetFileName(start.ArgumentList is ["-c", _, var pinned, ..] ? pinned : start.FileName);
            var other = server is null ? "" : $", served by {server.Name}";
            throw new BenchException($"{name}{other}, ended with exit code {program.ExitCode}: {FirstLine(errors)}");
        }

        using var json = JsonDocument.Parse(output);
        return json.RootElement.Clone();
    }

    public static string FirstLine(string text) =>
        text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).FirstOrDefault("no message");

    /// <summary>Waits for a program's end, but not for ever, and not when the server that it needs is gone.</summary>
    public static async Task<(string Output, string Errors)> FinishAsync(
        Process program, ServerProcess? server, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            program.StandardInput.Close();
            var output = program.StandardOutput.ReadToEndAsync(patience.Token);
            var errors = program.StandardError.ReadToEndAsync(patience.Token);
            var ended = program.WaitForExitAsync(patience.Token);
            if (server is not null && await Task.WhenAny(ended, server.Ended) != ended)
            {
                throw new BenchException($"{server.Name} ended while it was measured: {server.LastWords}");
            }

            await ended;
            return (await output, await errors);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new BenchException(
                $"no end after {Patience.TotalMinutes:0} minutes: faults are left unanswered by {server?.Name ?? "nobody"}");
        }
        finally
        {
            // A program that waits for a page dies of SIGKILL all the same.
            if (!program.HasExited)
            {
                program.Kill(entireProcessTree: true);
            }
        }
    }
}
