using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Uffd.Tool.Tests.Serving;

/// <summary><c>uffd serve</c> as a process, its lines as they come.</summary>
internal sealed partial class ServeProcess : IAsyncDisposable
{
    public const int SigInt = 2;
    public const int SigKill = 9;
    public const int SigUser1 = 10;
    public const int SigTerm = 15;
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Process _process;
    private readonly Task<string> _error;
    private readonly StringBuilder _said = new();
    private bool _closed;

    private ServeProcess(Process process, string socketPath)
    {
        _process = process;
        _error = process.StandardError.ReadToEndAsync();
        SocketPath = socketPath;
    }

    public string SocketPath { get; }

    public int ProcessId => _process.Id;

    /// <summary>Starts it and waits until it is ready, which must be the first line.</summary>
    public static async Task<ServeProcess> StartAsync(string socketPath, string imagePath, params string[] options)
    {
        Requires.KernelFaults();
        ServeProcess serve = StartVerb(socketPath, ["serve", "--socket", socketPath, "--image", imagePath, .. options]);
        string? first = await serve.ReadLineAsync();
        Assert.Equal(options.Contains("--json", StringComparer.Ordinal) ? $$"""{"event":"ready","message":"{{socketPath}}","client":null,"pid":null,"bytes":null,"seconds":null,"counts":null}""" : $"ready {socketPath}", first);
        return serve;
    }

    /// <summary>Starts one that has its image from elsewhere, and waits as long.</summary>
    public static async Task<ServeProcess> StartFromAsync(string socketPath, string address, params string[] options)
    {
        Requires.KernelFaults();
        ServeProcess serve = StartVerb(socketPath, ["serve", "--socket", socketPath, "--from", address, .. options]);
        Assert.Equal($"ready {socketPath}", await serve.ReadLineAsync());
        return serve;
    }

    /// <summary>Starts a page server.</summary>
    /// <returns>It, and where it listens.</returns>
    public static async Task<(ServeProcess Server, string Address)> StartPageServerAsync(string imagePath, string address, params string[] options)
    {
        ServeProcess server = StartVerb("", ["page-server", "--image", imagePath, "--listen", address, .. options]);
        string? first = await server.ReadLineAsync();
        return (server, ReadyAt(first));
    }

    /// <summary>Where a page server says that it listens, as text or as JSON.</summary>
    private static string ReadyAt(string? line)
    {
        System.Text.RegularExpressions.Match ready = System.Text.RegularExpressions.Regex.Match(
            line ?? "", "^(?:ready |\\{\"event\":\"ready\",\"message\":\")(?<address>[^\"]+)", System.Text.RegularExpressions.RegexOptions.ExplicitCapture, Patience);
        Assert.True(ready.Success, line);
        return ready.Groups["address"].Value;
    }

    private static ServeProcess StartVerb(string socketPath, string[] arguments)
    {
        var start = new ProcessStartInfo("env", [.. ToolProcess.HearingSignals, ToolProcess.DotnetPath, ToolProcess.AssemblyPath, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return new ServeProcess(Process.Start(start)!, socketPath);
    }

    public async Task<string?> ReadLineAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            string? line = await _process.StandardOutput.ReadLineAsync(limit.Token);
            _said.AppendLine(line);
            return line;
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"no line came after: {_said}");
            throw;
        }
    }

    public async Task<string> WaitForLineAsync(string part)
    {
        while (await ReadLineAsync() is { } line)
        {
            if (line.Contains(part, StringComparison.Ordinal))
            {
                return line;
            }
        }

        Assert.Fail($"'{part}' did not come, but: {_said} {await _error}");
        throw new UnreachableException();
    }

    public void CloseOutput()
    {
        _process.StandardOutput.Close();
        _closed = true;
    }

    public void Signal(int signal) => Assert.Equal(0, Kill(_process.Id, signal));

    /// <summary>Waits for its end and gives the rest of its lines.</summary>
    public async Task<ToolRun> EndAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        string rest = !_closed ? await _process.StandardOutput.ReadToEndAsync(limit.Token) : "";
        await _process.WaitForExitAsync(limit.Token);
        return new ToolRun(_process.ExitCode, rest, await _error);
    }

    public async Task<ToolRun> StopAsync(int signal = SigTerm)
    {
        Signal(signal);
        return await EndAsync();
    }

    /// <summary>Lets it open only so many descriptors more than now.</summary>
    public void LimitDescriptors(int more)
    {
        string folder = string.Create(CultureInfo.InvariantCulture, $"/proc/{_process.Id}/fd");
        var open = Directory.GetFiles(folder).Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)).ToHashSet();
        int free = Enumerable.Range(0, int.MaxValue).Where(number => !open.Contains(number)).Take(more).Last();
        string limit = string.Create(CultureInfo.InvariantCulture, $"{free + 1}");
        ToolRun run = ToolProcess.RunProgram("prlimit", ["--pid", string.Create(CultureInfo.InvariantCulture, $"{_process.Id}"), $"--nofile={limit}:{limit}"]);
        Assert.Equal(0, run.ExitCode);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);
}
