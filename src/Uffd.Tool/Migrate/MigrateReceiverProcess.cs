using System.Diagnostics;
using System.Globalization;
using Uffd.Migration;

namespace Uffd.Tool.Migrate;

/// <summary>The destination in a second process of this program, which ends with this one: its standard input closes then.</summary>
internal sealed class MigrateReceiverProcess : IDisposable
{
    private const string Ready = "ready";

    private readonly Process _process;

    private MigrateReceiverProcess(Process process, MigrationAddress to, string clients)
    {
        _process = process;
        To = to;
        Clients = clients;
    }

    /// <summary>Where it waits for memory.</summary>
    public MigrationAddress To { get; }

    /// <summary>Where it answers clients.</summary>
    public string Clients { get; }

    /// <summary>Starts it, and returns when it listens.</summary>
    public static async Task<MigrateReceiverProcess> StartAsync(ulong maxBytes, IReadOnlyList<string> tls, CancellationToken cancellation)
    {
        ProcessStartInfo start = SelfProcess.Start(["demo-migrate-receiver", maxBytes.ToString(CultureInfo.InvariantCulture), .. tls]);
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.UseShellExecute = false;
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        Process process = Process.Start(start) ?? throw new ToolException(ExitCodes.Failed, $"cannot start {start.FileName}");
        try
        {
            string[] words = (await process.StandardOutput.ReadLineAsync(cancellation) ?? "").Split(' ');
            return words is [Ready, var to, var clients] && MigrationAddress.TryParse(to, out MigrationAddress? address)
                ? new MigrateReceiverProcess(process, address!, clients)
                : throw new ToolException(ExitCodes.Failed, "the second process of the demo does not start: see above");
        }
        catch
        {
            End(process);
            throw;
        }
    }

    /// <summary>What the second process does.</summary>
    public static async Task<int> RunAsync(ulong maxBytes, MigrationLinkOptions links)
    {
        var starter = Task.Factory.StartNew(() => Console.In.ReadToEnd(), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        using var side = new MigrateDestinationSide(new MigrationAddress("127.0.0.1", 0, null), links);
        Console.WriteLine($"{Ready} {side.Address} {side.Clients}");
        Task receiving = side.ReceiveAsync(maxBytes, observer: null, CancellationToken.None);
        await Task.WhenAny(receiving, starter);
        await starter; // whatever became of the migration, the source tells it
        return receiving.IsCompletedSuccessfully ? ExitCodes.Done : ExitCodes.Failed;
    }

    public void Dispose() => End(_process);

    private static void End(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill(); // what it had has been verified, or is of no use
            process.WaitForExit(TimeSpan.FromSeconds(5));
        }

        process.Dispose();
    }
}
