using System.Diagnostics;

namespace Uffd.Bench;

/// <summary>A program that says a line when it is ready and then stays until it is told to go.</summary>
internal sealed class HeldProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly Process process;
    private readonly TaskCompletionSource<string> line = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string lastWords = "without a word";

    private HeldProcess(Process process)
    {
        this.process = process;
        process.OutputDataReceived += (_, e) =>
        {
            if (!string.IsNullOrWhiteSpace(e.Data))
            {
                line.TrySetResult(e.Data);
            }
        };
        process.ErrorDataReceived += (_, e) => lastWords = string.IsNullOrWhiteSpace(e.Data) ? lastWords : e.Data;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id => process.Id;

    public static HeldProcess Start(string program, params ReadOnlySpan<string> arguments)
    {
        var start = Programs.Command(program, null, arguments);

        // A .NET program's host looks for the runtime; the one that runs this benchmark is the one to use.
        if (Path.GetFullPath(Path.Combine(AppContext.GetData("FX_DEPS_FILE")?.ToString() ?? "/", "../../../..")) is var root
            && File.Exists(Path.Combine(root, "dotnet")))
        {
            start.Environment.TryAdd("DOTNET_ROOT", root);
        }

        return new HeldProcess(Programs.Start(start, "build the solution first"));
    }

    /// <summary>The first line it says.</summary>
    public async Task<string> FirstLineAsync(CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            var ended = process.WaitForExitAsync(patience.Token);
            await Task.WhenAny(line.Task, ended);
            patience.Token.ThrowIfCancellationRequested();
            return line.Task.IsCompletedSuccessfully
                ? await line.Task
                : throw new BenchException($"{Path.GetFileName(process.StartInfo.FileName)} ended before it was done: {lastWords}");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new BenchException($"{Path.GetFileName(process.StartInfo.FileName)} was not done after {Patience.TotalMinutes:0} minutes");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }

        process.Dispose();
    }
}
