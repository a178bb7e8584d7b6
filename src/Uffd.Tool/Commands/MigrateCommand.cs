using System.CommandLine;
using System.CommandLine.Parsing;
using Uffd.Daemon;
using Uffd.Migration;
using Uffd.Tool.Migrate;
using Uffd.Tool.Output;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd demo migrate</c>: a service that moves to another process or host while it is used.</summary>
internal static class MigrateCommand
{
    private static readonly LinkOptions Links = new(connects: false); // how many connections is the demo's own affair

    private static readonly Option<string> Size = new("--size")
    {
        Description = "How large a store to move",
        HelpName = "SIZE",
        DefaultValueFactory = _ => "256MiB",
    };

    private static readonly Option<string> Mode = new("--mode")
    {
        Description = "How: by rounds while it runs (precopy), at once and what is missing when it is touched (postcopy), or both",
        HelpName = "precopy|postcopy|hybrid",
        DefaultValueFactory = _ => "hybrid",
    };

    private static readonly Option<string?> Listen = new("--listen")
    {
        Description = "Be the destination: wait for memory at a port, and answer clients at the next one",
        HelpName = "[HOST:]PORT",
    };

    private static readonly Option<string?> To = new("--to")
    {
        Description = "Be the source and its client, and move to a destination that waits there",
        HelpName = "HOST:PORT",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object instead of text" };

    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        Size.Validators.Add(result => Require(result, text => Sizes.TryParse(text, out ulong bytes) && bytes is >= 1 << 20 and <= 1UL << 40, "--size wants a size from 1MiB to 1TiB, such as 256MiB"));
        Mode.Validators.Add(result => Require(result, text => text is "precopy" or "postcopy" or "hybrid", "--mode wants precopy, postcopy or hybrid"));
        Listen.Validators.Add(result => Require(result, text => TryParseListen(text, out _), "--listen wants a port below 65535, or HOST:PORT"));
        To.Validators.Add(result => Require(result, text => TryParse(text, out _), "--to wants HOST:PORT, with a port below 65535"));
        var verb = new Verb("migrate", "Show a service that moves to another process or host while it is used, and loses nothing")
        {
            TerminationTimeout = TimeSpan.FromSeconds(10), // its second process ends first
            Examples =
            [
                new("uffd demo migrate", "a store of 256 MiB, to a second process"),
                new("uffd demo migrate --mode postcopy --size 1GiB", "used there at once"),
                new("uffd demo migrate --size 16MiB --json", "small, for a program"),
                new("uffd demo migrate --listen 7000", "the destination, on another host: ports 7000 and 7001"),
                new("uffd demo migrate --to HOST:7000", "the source and its client, on this one"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "every acknowledged write is at the destination"),
                new(ExitCodes.Failed, "a write was lost, the other side went away, or a process of the demo failed"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.NotAllowed, "this system cannot have it: Linux 6.7 or newer, see uffd doctor"),
                new(ExitCodes.BadInput, "a certificate or a key is missing or unreadable"),
                new(ExitCodes.Interrupted, "interrupted"),
            ],
        };
        verb.Options.Add(Size);
        verb.Options.Add(Mode);
        verb.Options.Add(Listen);
        verb.Options.Add(To);
        foreach (Option option in Links.All)
        {
            verb.Options.Add(option);
        }

        verb.Validators.Add(Links.Validate);
        verb.Options.Add(Json);
        verb.Validators.Add(result =>
        {
            if (result.GetResult(Listen) is { Implicit: false } && result.GetResult(To) is { Implicit: false })
            {
                result.AddError("--listen is for the destination, and --to for the source: not both");
            }
        });
        verb.SetAction(RunAsync);
        return verb;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        _ = Sizes.TryParse(result.GetValue(Size), out ulong bytes);
        bytes &= ~0xfffUL; // whole pages
        var view = new MigrateProgressView();
        var screen = Screen.Standard();
        bool json = result.GetValue(Json);
        MigrationLinkOptions links = Links.Read(result);
        if (result.GetValue(Listen) is { } listen && TryParseListen(listen, out MigrationAddress? address))
        {
            return await ReceiveAsync(address!, links, view, screen, json, cancellation);
        }

        var options = new MigrateOptions(bytes, ParseMode(result.GetValue(Mode)!)) { Links = links, Tell = view.Tell };
        MigrateResult found = await view.ShowAsync(json ? null : screen, async () =>
        {
            if (result.GetValue(To) is { } given && TryParse(given, out MigrationAddress? to))
            {
                return await MigrateSourceSide.RunAsync(options, to!, MigrateSourceSide.ClientsOf(to!), cancellation);
            }

            using MigrateReceiverProcess other = await MigrateReceiverProcess.StartAsync(bytes, Links.PathsOf(result), cancellation);
            return await MigrateSourceSide.RunAsync(options, other.To, other.Clients, cancellation);
        });
        if (json)
        {
            JsonOutput.Write(screen.Output, MigrateJson.From(found));
        }
        else
        {
            Show(MigrateText.Rows(found), found.Verified, screen);
        }

        if (!found.Verified)
        {
            Failure.Print(Console.Error, "an acknowledged write is not at the destination: please report this");
        }

        return found.Verified ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static async Task<int> ReceiveAsync(MigrationAddress address, MigrationLinkOptions links, MigrateProgressView view, Screen screen, bool json, CancellationToken cancellation)
    {
        const ulong MaxBytes = 1UL << 40; // what --size allows at the source

        using var side = new MigrateDestinationSide(address, links);
        if (!json)
        {
            screen.Output.WriteLine($"waiting for memory at {side.Address}, for clients at port {side.Clients.Port}");
        }

        MigrateReceived found = await view.ShowAsync(json ? null : screen, () => side.ReceiveAsync(MaxBytes, moment => view.Tell(moment.Progress), cancellation));
        if (json)
        {
            JsonOutput.Write(screen.Output, MigrateReceivedJson.From(found));
        }
        else
        {
            Show(MigrateText.Rows(found), isGood: true, screen);
        }

        await side.ServeAsync(cancellation);
        return ExitCodes.Done;
    }

    private static void Show(IReadOnlyList<(string Name, string Value)> rows, bool isGood, Screen screen)
    {
        if (screen.IsRich)
        {
            MigrateScreen.Draw(rows, isGood, screen.Console);
        }
        else
        {
            MigrateText.Write(rows, screen.Output);
        }
    }

    private static MigrateMode ParseMode(string text) => text switch
    {
        "precopy" => MigrateMode.PreCopy,
        "postcopy" => MigrateMode.PostCopy,
        _ => MigrateMode.Hybrid,
    };

    /// <summary>A port alone is one of every address.</summary>
    private static bool TryParseListen(string text, out MigrationAddress? address)
        => TryParse(text.Contains(':', StringComparison.Ordinal) ? text : $"*:{text}", out address);

    /// <summary>Clients need the next port, so neither a Unix socket nor the last port is of use.</summary>
    private static bool TryParse(string text, out MigrationAddress? address)
        => MigrationAddress.TryParse(text, out address) && address is { IsUnix: false, Port: > 0 and < 65535 };

    private static void Require(OptionResult result, Predicate<string> isRight, string message)
    {
        if (result.Tokens.Count > 0 && !isRight(result.Tokens[0].Value))
        {
            result.AddError(message);
        }
    }
}
