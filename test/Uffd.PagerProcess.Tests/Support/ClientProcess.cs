using System.Diagnostics;
using System.Globalization;

namespace Uffd.PagerProcess.Tests.Support;

/// <summary>A run of the client program: a process that may hang or die in the place of the tests. It ends with the test.</summary>
internal sealed class ClientProcess : IDisposable
{
    public static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(60));

    private readonly Process _process;
    private readonly Task<string> _errors;

    private ClientProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    public int ProcessId => _process.Id;

    public int PagerProcessId { get; private set; }

    public int GuardianProcessId { get; private set; }

    /// <summary>The runtime that runs the tests, so that both are the same.</summary>
    private static string Dotnet { get; } = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path : "dotnet";

    public static ClientProcess Start(string verb, string store, params long[] numbers)
    {
        string assembly = Path.Combine(AppContext.BaseDirectory, "Uffd.PagerProcess.Client.dll");
        var start = new ProcessStartInfo(Dotnet, ["exec", assembly, verb, store, .. numbers.Select(number => number.ToString(CultureInfo.InvariantCulture))])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        return new ClientProcess(Process.Start(start)!);
    }

    /// <summary>Runs it to its end.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string verb, string store, params long[] numbers)
    {
        using ClientProcess client = Start(verb, store, numbers);
        Task<string> output = client._process.StandardOutput.ReadToEndAsync();
        int exit = await client.WaitForExitAsync(Patience);
        return (exit, await output + await client._errors);
    }

    public Task<string?> ReadLineAsync() => _process.StandardOutput.ReadLineAsync().WaitAsync(Patience);

    public Task SayAsync(string line)
    {
        _process.StandardInput.AutoFlush = true;
        return _process.StandardInput.WriteLineAsync(line);
    }

    /// <summary>Waits for the line that names the other processes.</summary>
    public async Task BeReadyAsync()
    {
        string? line = await ReadLineAsync();
        string[] words = line?.Split(' ') ?? [];
        Assert.True(words is ["ready", _, _], $"{line} {(line is null ? await _errors : "")}");
        PagerProcessId = int.Parse(words[1], CultureInfo.InvariantCulture);
        GuardianProcessId = int.Parse(words[2], CultureInfo.InvariantCulture);
    }

    /// <summary>Waits for its end and gives its exit status: 128 and the signal where one has ended it.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan timeout)
    {
        using var limit = new CancellationTokenSource(timeout);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException exception)
        {
            throw new TimeoutException($"the client did not end within {timeout.TotalSeconds} s", exception);
        }

        return _process.ExitCode;
    }

    /// <summary>What it and its pager process said on standard error: complete when all of them have ended.</summary>
    public Task<string> ReadErrorsAsync() => _errors.WaitAsync(Patience);

    public void Kill() => _process.Kill();

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }
}
