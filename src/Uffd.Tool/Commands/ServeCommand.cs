using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Runtime.InteropServices;
using Uffd.Daemon;
using Uffd.Paging;
using Uffd.Tool.Output;
using Uffd.Tool.Telemetry;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd serve</c>: the daemon in the foreground.</summary>
internal static class ServeCommand
{
    private static readonly Option<string> Socket = new("--socket")
    {
        Description = "Unix socket to listen on; made with mode 0600 and removed at the end",
        HelpName = "PATH",
        Required = true,
    };

    private static readonly Option<string> Image = new("--image")
    {
        Description = "File with the memory's content; must not change while it is served",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<string[]> Diff = new("--diff")
    {
        Description = "Sparse file over the image, as long as it: what it has hides the image, its holes show it. Several: the newest last",
        HelpName = "FILE",
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<bool> Background = new("--background")
    {
        Description = "Bring what clients have not touched yet behind their faults (the default)",
    };

    private static readonly Option<bool> NoBackground = new("--no-background")
    {
        Description = "Bring only what clients touch",
    };

    private static readonly Option<bool> Share = new("--share")
    {
        Description = "Let clients that ask map the image's memory and share it; what is touched is then in memory once, and this process's",
    };

    private static readonly Option<string> OnError = new("--on-error")
    {
        Description = "What happens when a page cannot be had: 'poison' it (a touch gets SIGBUS) or 'kill' the client",
        HelpName = "poison|kill",
        DefaultValueFactory = _ => "poison",
    };

    private static readonly Option<double> Drain = new("--drain")
    {
        Description = "On SIGTERM, bring what clients still miss for up to so many seconds; --on-error settles the rest",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 10,
    };

    private static readonly Option<double> HandshakeTimeout = new("--handshake-timeout")
    {
        Description = "Refuse a client that has not completed its handshake after so many seconds",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 10,
    };

    private static readonly Option<int> MaxClients = new("--max-clients")
    {
        Description = "Refuse clients beyond so many at once",
        HelpName = "N",
        DefaultValueFactory = _ => 1024,
    };

    private static readonly Option<uint[]> AllowUid = new("--allow-uid")
    {
        Description = "Let this user connect too, besides this one and root; may be given several times",
        HelpName = "UID",
    };

    private static readonly Option<int?> Spin = new("--spin")
    {
        Description = "Look for the next fault for so many microseconds before sleeping, 0 for never (default: where that is found to help)",
        HelpName = "US",
    };

    private static readonly Option<string> Cpus = new("--cpus")
    {
        Description = "Serve faults on these CPUs only, as 0,2-5 (default: anywhere)",
        HelpName = "LIST",
    };

    private static readonly Option<string?> Record = new("--record")
    {
        Description = "Record the pages that clients touch, in order, to a working set; implies --no-background",
        HelpName = "FILE",
    };

    private static readonly Option<string?> Replay = new("--replay")
    {
        Description = "Bring the pages of a working set first, in bulk, to each client",
        HelpName = "FILE",
    };

    private static readonly Option<string?> Otlp = new("--otlp")
    {
        Description = "Export metrics to this OpenTelemetry collector, every 10 s and at the end (OTLP over HTTP)",
        HelpName = "ENDPOINT",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object a line instead of text" };

    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        Socket.Validators.Add(Images.RequireName);
        Image.Validators.Add(Images.RequireName);
        Diff.Validators.Add(Images.RequireName);
        Record.Validators.Add(Images.RequireName);
        Replay.Validators.Add(Images.RequireName);
        OnError.AcceptOnlyFromAmong("poison", "kill");
        Drain.Validators.Add(result => RequireRange(result, Drain, "seconds", 0, 86400));
        HandshakeTimeout.Validators.Add(result => RequireRange(result, HandshakeTimeout, "seconds", 0.01, 86400));
        MaxClients.Validators.Add(result => RequireRange(result, MaxClients, "clients", 1, 1_000_000));
        Cpus.Validators.Add(RequireUsableCpus);
        Spin.Validators.Add(result => RequireRange(result, Spin, "microseconds", 0, 1_000_000));
        Otlp.Validators.Add(result => OtlpExport.RequireEndpoint(result));
        var verb = new Verb("serve", "Serve the page faults of processes that hand over their memory, from a file")
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
                new("uffd serve --socket /run/vm.sock --image vm.mem --otlp http://localhost:4318", "export metrics"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "stopped by SIGTERM or SIGINT, every client settled"),
                new(ExitCodes.Failed, "the socket cannot be listened on, or the working set not be written"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.NotAllowed, "the socket's folder may not be written"),
                new(ExitCodes.BadInput, "the image, a diff or the working set to replay is missing, empty, unreadable, or does not belong to the others"),
            ],
        };
        foreach (Option option in (Option[])[Socket, Image, Diff, Background, NoBackground, Share, OnError, Drain, HandshakeTimeout, MaxClients, AllowUid, Spin, Cpus, Record, Replay, Otlp, Json])
        {
            verb.Options.Add(option);
        }

        verb.Validators.Add(result =>
        {
            if (result.GetValue(Background) && result.GetValue(NoBackground))
            {
                result.AddError("--background and --no-background exclude each other");
            }

            if (result.GetValue(Record) is not null && result.GetValue(Replay) is not null)
            {
                result.AddError("--record and --replay exclude each other: what is replayed is not touched, and would be missing in the new set");
            }
        });
        verb.SetAction((result, _) => RunAsync(result));
        return verb;
    }

    private static async Task<int> RunAsync(ParseResult result)
    {
        using IPageSource image = Images.OpenLayers(result.GetRequiredValue(Image), result.GetValue(Diff) ?? []);
        WorkingSet? replay = result.GetValue(Replay) is { } path ? WorkingSets.Open(path, image) : null;
        using var printer = new ServePrinter(Screen.Standard().Output, result.GetValue(Json));
        using var stop = new StopSignals();
        using OtlpExport? export = OtlpExport.Start(result.GetValue(Otlp), message => printer.Print(new DaemonEvent(DaemonEventKind.Notice, message)));
        PagerDaemon? serving = null;
        using var daemon = new PagerDaemon(new PagerDaemonOptions
        {
            SocketPath = result.GetRequiredValue(Socket),
            Image = image,
            BackgroundFill = WantsBackground(result),
            ShareImage = result.GetValue(Share),
            FailurePolicy = string.Equals(result.GetValue(OnError), "kill", StringComparison.Ordinal) ? FaultFailurePolicy.Terminate : FaultFailurePolicy.Poison,
            DrainTimeout = TimeSpan.FromSeconds(result.GetValue(Drain)),
            HandshakeTimeout = TimeSpan.FromSeconds(result.GetValue(HandshakeTimeout)),
            MaxClients = result.GetValue(MaxClients),
            AllowedUsers = result.GetValue(AllowUid) ?? [],
            Spin = result.GetValue(Spin) is { } spin ? TimeSpan.FromMicroseconds(spin) : null,
            Cpus = CpuList.TryParse(result.GetValue(Cpus), out IReadOnlyList<int>? cpus) ? cpus : null,
            RecordPath = result.GetValue(Record),
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
        serving = daemon;
        using PosixSignalRegistration numbers = UserSignals.OnUser1(() => printer.Print(daemon.GetStatus()));
        await stop.FirstAsync();
        await daemon.StopAsync(stop.Second);
        return ExitCodes.Done;
    }

    /// <summary>A page that comes before it is touched is not seen: a recording would hold what the fill was too slow for.</summary>
    private static bool WantsBackground(ParseResult result)
        => result.GetValue(Background) || !(result.GetValue(NoBackground) || result.GetValue(Record) is not null);

    private static void PrintLastNumbers(ServePrinter printer, DaemonStatus status)
    {
        if (status.AttachedCount > 0)
        {
            printer.Print(status);
        }
    }

    private static void RequireRange(OptionResult result, Option option, string unit, double least, double most)
    {
        // What is no number at all is told by the parser itself, after this.
        foreach (Token token in result.Tokens)
        {
            if (double.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && !(value >= least && value <= most))
            {
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{option.Name} wants {unit} from {least} to {most}"));
                return;
            }
        }
    }

    private static void RequireUsableCpus(OptionResult result)
    {
        string text = result.GetValueOrDefault<string>();
        if (!CpuList.TryParse(text, out IReadOnlyList<int>? cpus))
        {
            result.AddError($"--cpus wants a list of CPUs, such as 0,2-5, not '{text}'");
        }
        else if (CpuList.FindUnusable(cpus) is { Count: > 0 } unusable)
        {
            result.AddError($"--cpus: CPU {CpuList.Format(unusable)} does not exist, or this process may not use it");
        }
    }

    /// <summary>SIGTERM and SIGINT: the first stops, the second hurries.</summary>
    private sealed class StopSignals : IDisposable
    {
        private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly CancellationTokenSource _second = new();
        private readonly PosixSignalRegistration[] _registrations;

        public StopSignals() => _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle),
        ];

        public CancellationToken Second => _second.Token;

        public Task FirstAsync() => _first.Task;

        public void Dispose()
        {
            foreach (PosixSignalRegistration registration in _registrations)
            {
                registration.Dispose();
            }

            _second.Dispose();
        }

        private void Handle(PosixSignalContext context)
        {
            context.Cancel = true; // we end by ourselves, after settling the clients
            if (!_first.TrySetResult())
            {
                _second.Cancel();
            }
        }
    }
}
