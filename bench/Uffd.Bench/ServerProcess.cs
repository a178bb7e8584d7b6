using System.Diagnostics;

namespace Uffd.Bench;

/// <summary>A server that answers faults: the C handler or the pager, started with the same arguments.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(30);

    private readonly Process process;
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<string> lines = [];
    private string? lastWords;

    private ServerProcess(string name, string socketPath, Process process)
    {
        Name = name;
        SocketPath = socketPath;
        this.process = process;
        Ended = process.WaitForExitAsync(CancellationToken.None);

        // Both streams are read to their end, so that a talkative server never waits for a full pipe.
        process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is not { } line)
            {
                return;
            }

            lock (lines)
            {
                lines.Add(line);
            }

            if (line.StartsWith("ready ", StringComparison.Ordinal) || line.StartsWith("{\"event\":\"ready\"", StringComparison.Ordinal))
            {
                ready.TrySetResult();
            }
        };
        process.ErrorDataReceived += (_, e) =>
        {
            if (!string.IsNullOrWhiteSpace(e.Data))
            {
                lastWords = e.Data;
            }
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Name { get; }

    public string SocketPath { get; }

    public Task Ended { get; }

    public string LastWords => lastWords ?? "without a word";

    /// <summary>What it has printed so far.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (lines)
            {
                return [.. lines];
            }
        }
    }

    public TimeSpan ProcessorTime
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
    }

    public static async Task<ServerProcess> StartAsync(
        string name, string program, string socketPath, string imagePath, string[] arguments, int? cpu,
        CancellationToken cancellation)
    {
        if (!File.Exists(program))
        {
            throw new BenchException($"there is no {name} at {program}: build the solution first");
        }

        var start = Programs.Command(
            program, cpu, ["serve", "--socket", socketPath, "--image", imagePath, .. arguments]);

        // A .NET program's host looks for the runtime; the one that runs this benchmark is the one to use.
        if (Path.GetFullPath(Path.Combine(AppContext.GetData("FX_DEPS_FILE")?.ToString() ?? "/", "../../../..")) is var root
            && File.Exists(Path.Combine(root, "dotnet")))
        {
            start.Environment.TryAdd("DOTNET_ROOT", root);
        }

        var server = new ServerProcess(name, socketPath, Programs.Start(start, "taskset is part of util-linux"));
        try
        {
            var first = await Task.WhenAny(server.ready.Task, server.Ended).WaitAsync(StartPatience, cancellation);
            if (first != server.ready.Task)
            {
                throw new BenchException(
                    $"{name} ended before it was ready (exit code {server.process.ExitCode}): {server.LastWords}");
            }

            return server;
        }
        catch (Exception e)
        {
            await server.DisposeAsync();
            throw e is TimeoutException
                ? new BenchException($"{name} was not ready within {StartPatience.TotalSeconds:0} s: {server.LastWords}")
                : e;
        }
    }

    /// <summary>Ends it as an administrator would, and waits for that.</summary>
    public async Task StopAsync()
    {
        using var kill = Programs.Start(Programs.Command("kill", null, "-TERM", $"{process.Id}"), "kill is part of procps or util-linux");
        await kill.WaitForExitAsync(CancellationToken.None);
        await Ended.WaitAsync(StopPatience);
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            await Ended;
        }

        process.Dispose();
    }
}
