using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Uffd.Daemon;
using Uffd.Tool.Telemetry;

namespace Uffd.Tool.Commands;

/// <summary>What <c>uffd serve</c> can be told.</summary>
internal sealed class ServeOptions
{
    public Option<string> Socket { get; } = new("--socket")
    {
        Description = "Unix socket to listen on; made with mode 0600 and removed at the end",
        HelpName = "PATH",
        Required = true,
    };

    public Option<string?> Image { get; } = new("--image")
    {
        Description = "File with the memory's content; must not change while it is served",
        HelpName = "FILE",
    };

    public Option<string?> From { get; } = new("--from")
    {
        Description = "Fetch the memory's content from a page server or a migration's source, and not from a file",
        HelpName = "HOST:PORT|unix:PATH",
    };

    public LinkOptions Links { get; } = new(connects: true);

    public Option<string?> GiveUpAfter { get; } = new("--give-up-after")
    {
        Description = "When --from could not be reached for so long, such as 10min, it is gone for good: --on-error settles what is missing (default: wait without end)",
        HelpName = "TIME",
    };

    public Option<string[]> Diff { get; } = new("--diff")
    {
        Description = "Sparse file over the image, as long as it: what it has hides the image, its holes show it. Several: the newest last",
        HelpName = "FILE",
        AllowMultipleArgumentsPerToken = true,
    };

    public Option<bool> Background { get; } = new("--background")
    {
        Description = "Bring what clients have not touched yet behind their faults (the default)",
    };

    public Option<bool> NoBackground { get; } = new("--no-background")
    {
        Description = "Bring only what clients touch",
    };

    public Option<bool> Share { get; } = new("--share")
    {
        Description = "Let clients that ask map the image's memory and share it; what is touched is then in memory once, and this process's",
    };

    public Option<string?> ReadAhead { get; } = new("--read-ahead")
    {
        Description = "Bring up to so much ahead of a thread that goes through the memory in order; 0 for none (default: 1MiB)",
        HelpName = "SIZE",
    };

    public Option<string?> BackgroundRate { get; } = new("--background-rate")
    {
        Description = "Bring at most so much a second in the background, as 100MiB; faults are served without limit (default: as fast as it can)",
        HelpName = "SIZE",
    };

    public Option<string> OnError { get; } = new("--on-error")
    {
        Description = "What happens when a page cannot be had: 'poison' it (a touch gets SIGBUS) or 'kill' the client",
        HelpName = "poison|kill",
        DefaultValueFactory = _ => "poison",
    };

    public Option<double> Drain { get; } = new("--drain")
    {
        Description = "On SIGTERM, bring what clients still miss for up to so many seconds; --on-error settles the rest",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 10,
    };

    public Option<double> HandshakeTimeout { get; } = new("--handshake-timeout")
    {
        Description = "Refuse a client that has not completed its handshake after so many seconds",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 10,
    };

    public Option<int> MaxClients { get; } = new("--max-clients")
    {
        Description = "Refuse clients beyond so many at once",
        HelpName = "N",
        DefaultValueFactory = _ => 1024,
    };

    public Option<uint[]> AllowUid { get; } = new("--allow-uid")
    {
        Description = "Let this user connect too, besides this one and root; may be given several times",
        HelpName = "UID",
    };

    public Option<int?> Spin { get; } = new("--spin")
    {
        Description = "Look for the next fault for so many microseconds before sleeping, 0 for never (default: where that is found to help)",
        HelpName = "US",
    };

    public Option<string> Cpus { get; } = new("--cpus")
    {
        Description = "Serve faults on these CPUs only, as 0,2-5 (default: anywhere)",
        HelpName = "LIST",
    };

    public Option<string?> Record { get; } = new("--record")
    {
        Description = "Record the pages that clients touch, in order, to a working set; implies --no-background",
        HelpName = "FILE",
    };

    public Option<string?> Replay { get; } = new("--replay")
    {
        Description = "Bring the pages of a working set first, in bulk, to each client",
        HelpName = "FILE",
    };

    public Option<string?> Otlp { get; } = new("--otlp")
    {
        Description = "Export metrics to this OpenTelemetry collector, every 10 s and at the end (OTLP over HTTP)",
        HelpName = "ENDPOINT",
    };

    public Option<bool> Json { get; } = new("--json") { Description = "Print one JSON object a line instead of text" };

    /// <summary>Adds them to the verb, with what they have to fulfil.</summary>
    public void AddTo(Verb verb)
    {
        Socket.Validators.Add(Images.RequireName);
        Image.Validators.Add(Images.RequireName);
        Diff.Validators.Add(Images.RequireName);
        Record.Validators.Add(Images.RequireName);
        Replay.Validators.Add(Images.RequireName);
        From.Validators.Add(LinkOptions.RequireAddress);
        GiveUpAfter.Validators.Add(result => SnapshotArguments.RequireTime(result, TimeSpan.Zero, TimeSpan.FromDays(365), "a time, such as 30s or 10min, up to a year"));
        OnError.AcceptOnlyFromAmong("poison", "kill");
        Drain.Validators.Add(result => RequireRange(result, Drain, "seconds", 0, 86400));
        HandshakeTimeout.Validators.Add(result => RequireRange(result, HandshakeTimeout, "seconds", 0.01, 86400));
        MaxClients.Validators.Add(result => RequireRange(result, MaxClients, "clients", 1, 1_000_000));
        Cpus.Validators.Add(RequireUsableCpus);
        Spin.Validators.Add(result => RequireRange(result, Spin, "microseconds", 0, 1_000_000));
        Otlp.Validators.Add(result => OtlpExport.RequireEndpoint(result));
        ReadAhead.Validators.Add(result => RequireSize(result, ReadAhead, least: 0));
        BackgroundRate.Validators.Add(result => RequireSize(result, BackgroundRate, least: 1));
        foreach (Option option in (Option[])[Socket, Image, From, .. Links.All, GiveUpAfter, Diff, Background, NoBackground, BackgroundRate, ReadAhead, Share, OnError, Drain, HandshakeTimeout, MaxClients, AllowUid, Spin, Cpus, Record, Replay, Otlp, Json])
        {
            verb.Options.Add(option);
        }

        verb.Validators.Add(result =>
        {
            if (result.GetValue(Image) is null == result.GetValue(From) is null)
            {
                result.AddError(result.GetValue(Image) is null ? "option '--image' is required, or --from in its place" : "--image and --from exclude each other");
            }
            else if (result.GetValue(From) is null && (result.GetValue(GiveUpAfter) is not null || Links.AreGiven(result)))
            {
                result.AddError("--give-up-after, --connections, --cert, --key and --ca are for --from");
            }
            else if (result.GetValue(From) is not null && result.GetValue(Diff) is { Length: > 0 })
            {
                result.AddError("--diff lies over an --image: give it to the page server");
            }

            Links.Validate(result);
            if (result.GetValue(Background) && result.GetValue(NoBackground))
            {
                result.AddError("--background and --no-background exclude each other");
            }

            if (result.GetValue(Record) is not null && result.GetValue(Replay) is not null)
            {
                result.AddError("--record and --replay exclude each other: what is replayed is not touched, and would be missing in the new set");
            }
        });
    }

    /// <summary>A page that comes before it is touched is not seen: a recording would hold what the fill was too slow for.</summary>
    public bool WantsBackground(ParseResult result)
        => result.GetValue(Background) || !(result.GetValue(NoBackground) || result.GetValue(Record) is not null);

    /// <summary>A size that was checked before, or null where none was given.</summary>
    public static ulong? SizeOf(ParseResult result, Option<string?> option)
        => Sizes.TryParse(result.GetValue(option), out ulong bytes) ? bytes : null;

    private static void RequireSize(OptionResult result, Option option, ulong least)
    {
        if (result.Tokens.Count > 0 && (!Sizes.TryParse(result.Tokens[0].Value, out ulong bytes) || bytes < least || bytes > 1UL << 40))
        {
            result.AddError($"{option.Name} wants a size {(least > 0 ? "above 0" : "from 0")} to 1TiB, such as 64MiB, not '{result.Tokens[0].Value}'");
        }
    }

    internal static void RequireRange(OptionResult result, Option option, string unit, double least, double most)
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
}
