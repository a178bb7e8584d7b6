using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Uffd.Bench;

/// <summary>One side of the migrations: this program again, as a process that is told what to do.</summary>
internal sealed class MigrationProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2); // far more than any step takes

    private readonly string name;
    private readonly Process process;
    private readonly Task<string> errors;

    private MigrationProcess(string name, Process process)
    {
        this.name = name;
        this.process = process;
        errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
    }

    public static MigrationProcess Start(string side, string library, long bytes)
    {
        string[] arguments = [MigrationChild.Verb, side, library, (bytes >> 20).ToString(CultureInfo.InvariantCulture)];
        var own = Environment.ProcessPath!;
        var start = Path.GetFileNameWithoutExtension(own) is "dotnet" ? Programs.Command(own, null, [typeof(MigrationProcess).Assembly.Location, .. arguments]) : Programs.Command(own, null, arguments);
        return new MigrationProcess(side, Programs.Start(start, "it is this program"));
    }

    /// <summary>Has it do something.</summary>
    /// <returns>What it found.</returns>
    public async Task<JsonElement> AskAsync(string command, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            await process.StandardInput.WriteLineAsync(command.AsMemory(), patience.Token);
            await process.StandardInput.FlushAsync(patience.Token);
            var said = await process.StandardOutput.ReadLineAsync(patience.Token)
                ?? throw new BenchException($"the {name} ended at '{command}': {Programs.FirstLine(await errors)}");
            using var json = JsonDocument.Parse(said);
            return json.RootElement.Clone();
        }
        catch (IOException)
        {
            throw new BenchException($"the {name} ended at '{command}': {Programs.FirstLine(await errors)}");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new BenchException($"the {name} did not end '{command}' within {Patience.TotalMinutes:0} minutes");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }

        process.Dispose();
    }
}
