using System.CommandLine;
using System.Runtime.InteropServices;
using Uffd.Daemon;
using Uffd.Paging;
using Uffd.Tool.Output;
using Uffd.Tool.Serving;
using Uffd.Tool.Telemetry;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd serve</c>: the daemon in the foreground.</summary>
internal static class ServeCommand
{
    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        var options = new ServeOptions();
        var verb = new Verb("serve", "Serve the page faults of processes that hand over their memory, from a file or another host")
        {
            TerminationTimeout = null, // SIGTERM is its regular end, and takes as long as the clients need
            Examples =
            [
                new("uffd serve --socket /run/vm.sock --image vm.mem", "serve Firecracker snapshots"),
                new("uffd serve --socket /run/vm.sock --image vm.mem --no-background", "bring only what is touched"),
                new("uffd serve --socket /run/vm.sock --image vm.mem --diff mon.mem tue.mem", "diff snapshots over the full one, the newest last"),
                new("uffd serve --socket /run/vm.sock --image vm.mem --on-error kill", "never let a client see SIGBUS"),
                new("uffd serve --socket /run/vm.sock --image vm.mem --record vm.ws", "learn what clients touch"),
                new("uffd serve --socket /run/vm.sock --image vm.mem --replay vm.ws", "bring that first from now on"),
                new("uffd serve --socket /run/vm.sock --from host:7000", "fetch it from 'uffd page-server' on another host"),
                new("uffd serve --socket /run/vm.sock --image vm.mem --otlp http://localhost:4318", "export metrics"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "stopped by SIGTERM or SIGINT, every client settled"),
                new(ExitCodes.Failed, "the socket cannot be listened on, --from not be connected to, or the working set not be written"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.NotAllowed, "the socket's folder may not be written"),
                new(ExitCodes.BadInput, "the image, a diff, the working set to replay or a certificate is missing, empty, unreadable, or does not belong to the others"),
            ],
        };
        options.AddTo(verb);
        verb.SetAction((result, _) => RunAsync(result, options));
        return verb;
    }

    private static async Task<int> RunAsync(ParseResult result, ServeOptions options)
    {
        using var printer = new ServePrinter(Screen.Standard().Output, result.GetValue(options.Json));
        using var stop = new StopSignals();
        using RemoteImage? remote = await ConnectAsync(result, options, printer, stop);
        if (remote is null && stop.FirstAsync().IsCompleted)
        {
            return ExitCodes.Done; // stopped before there was anything to serve
        }

        using IPageSource image = remote?.Source ?? Images.OpenLayers(result.GetRequiredValue(options.Image)!, result.GetValue(options.Diff) ?? []);
        WorkingSet? replay = result.GetValue(options.Replay) is { } path ? WorkingSets.Open(path, image) : null;
        using OtlpExport? export = OtlpExport.Start(result.GetValue(options.Otlp), message => printer.Print(new DaemonEvent(DaemonEventKind.Notice, message)));
        PagerDaemon? serving = null;

        // Before anybody can know that it runs: a signal that nobody awaits would end it.
        using PosixSignalRegistration numbers = UserSignals.OnUser1(() =>
        {
            if (Volatile.Read(ref serving) is { } running)
            {
                printer.Print(running.GetStatus());
            }
        });
        using var daemon = new PagerDaemon(new PagerDaemonOptions
        {
            SocketPath = result.GetRequiredValue(options.Socket),
            Image = image,
            BackgroundFill = options.WantsBackground(result),
            BackgroundBytesPerSecond = ServeOptions.SizeOf(result, options.BackgroundRate) ?? 0,
            ReadAheadBytes = ServeOptions.SizeOf(result, options.ReadAhead),
            ImageTimeout = remote is null ? null : Timeout.InfiniteTimeSpan, // a connection that broke is made again: its readers wait
            ShareImage = result.GetValue(options.Share),
            FailurePolicy = string.Equals(result.GetValue(options.OnError), "kill", StringComparison.Ordinal) ? FaultFailurePolicy.Terminate : FaultFailurePolicy.Poison,
            DrainTimeout = TimeSpan.FromSeconds(result.GetValue(options.Drain)),
            HandshakeTimeout = TimeSpan.FromSeconds(result.GetValue(options.HandshakeTimeout)),
            MaxClients = result.GetValue(options.MaxClients),
            AllowedUsers = result.GetValue(options.AllowUid) ?? [],
            Spin = result.GetValue(options.Spin) is { } spin ? TimeSpan.FromMicroseconds(spin) : null,
            Cpus = CpuList.TryParse(result.GetValue(options.Cpus), out IReadOnlyList<int>? cpus) ? cpus : null,
            RecordPath = result.GetValue(options.Record),
            Replay = replay,
            Observer = happened =>
            {
                if (happened.Kind == DaemonEventKind.Stopped)
                {
                    export?.Finish(); // every client is settled: nobody waits for this but us
                    PrintLastNumbers(printer, serving!.GetStatus());
                }

                printer.Print(happened);
            },
        });
        Volatile.Write(ref serving, daemon);
        await stop.FirstAsync();
        await daemon.StopAsync(stop.Second);
        return ExitCodes.Done;
    }

    private static async Task<RemoteImage?> ConnectAsync(ParseResult result, ServeOptions options, ServePrinter printer, StopSignals stop)
    {
        if (LinkOptions.AddressOf(result, options.From) is not { } address)
        {
            return null;
        }

        TimeSpan? patience = result.GetValue(options.GiveUpAfter) is { } text ? SnapshotArguments.TimeOf(text) : null;
        using var stopped = new CancellationTokenSource();
        _ = stop.FirstAsync().ContinueWith(_ => stopped.CancelAsync(), TaskScheduler.Default);
        try
        {
            return await RemoteImage.ConnectAsync(address, options.Links.Read(result), patience, message => printer.Print(new DaemonEvent(DaemonEventKind.Notice, message)), stopped.Token);
        }
        catch (OperationCanceledException) when (stop.FirstAsync().IsCompleted)
        {
            return null;
        }
    }

    private static void PrintLastNumbers(ServePrinter printer, DaemonStatus status)
    {
        if (status.AttachedCount > 0)
        {
            printer.Print(status);
        }
    }
}
