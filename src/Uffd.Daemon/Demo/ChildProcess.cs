using System.Diagnostics;
using System.Globalization;

namespace Uffd.Daemon.Demo;

/// <summary>A process that the demo started. Disposing ends it, whatever happened.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(5);

    private readonly Process _process;
    private readonly Task<string> _errors;

    private ChildProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    public static ChildProcess Start(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.UseShellExecute = false;
        start.Environment["DOTNET_EnableDiagnostics"] = "0"; // it is killed at the end, and would leave its diagnostic sockets behind
        return new ChildProcess(Process.Start(start) ?? throw new UffdException($"cannot start {start.FileName}"));
    }

    /// <summary>The next line it prints, or null when it has closed its output.</summary>
    public async Task<string?> ReadLineAsync(CancellationToken cancellation)
        => await _process.StandardOutput.ReadLineAsync(cancellation).ConfigureAwait(false);

    /// <summary>Reads on until a line is what was waited for.</summary>
    public async Task<string> WaitForLineAsync(Func<string, bool> wanted, string name, TimeSpan timeout, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            while (await ReadLineAsync(limit.Token).ConfigureAwait(false) is { } line)
            {
                if (wanted(line))
                {
                    return line;
                }
            }
        }
        catch (OperationCanceledException exception) when (!cancellation.IsCancellationRequested)
        {
            throw new UffdException(string.Create(CultureInfo.InvariantCulture, $"{name} did not answer within {timeout.TotalSeconds} s"), exception);
        }

        throw new UffdException($"{name} ended: {await DescribeEndAsync().ConfigureAwait(false)}");
    }

    /// <summary>Its exit status and what it said on standard error, in one line.</summary>
    public async Task<string> DescribeEndAsync()
    {
        using var limit = new CancellationTokenSource(EndTimeout);
        try
        {
            await _process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
            string errors = (await _errors.WaitAsync(limit.Token).ConfigureAwait(false)).ReplaceLineEndings(" ").Trim();
            return string.Create(CultureInfo.InvariantCulture, $"exit status {_process.ExitCode}{(errors.Length > 0 ? $", {errors}" : "")}");
        }
        catch (OperationCanceledException)
        {
            return "it closed its output and goes on";
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        using var limit = new CancellationTokenSource(EndTimeout);
        try
        {
            await _process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Killed and still not gone: nothing more can be done from here.
        }

        _process.Dispose();
    }
}
