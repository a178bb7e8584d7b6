using System.CommandLine;
using System.Globalization;
using Uffd.Daemon;
using Uffd.Migration;
using Uffd.Paging;
using Uffd.Tool.Output;
using Uffd.Tool.Serving;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd page-server</c>: an image for other hosts.</summary>
internal static class PageServerCommand
{
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

    private static readonly Option<string?> Listen = new("--listen")
    {
        Description = "Where to listen: HOST is an address of this host, or * for all; PORT 0 takes one that is free",
        HelpName = "HOST:PORT|unix:PATH",
        Required = true,
    };

    private static readonly Option<uint[]> AllowUid = new("--allow-uid")
    {
        Description = "Let this user connect to the Unix socket too, besides this one and root; may be given several times",
        HelpName = "UID",
    };

    private static readonly Option<double> Drain = new("--drain")
    {
        Description = "On SIGTERM, serve those that are connected until they leave, for up to so many seconds",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 10,
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object a line instead of text" };

    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        var links = new LinkOptions(connects: false);
        Image.Validators.Add(Images.RequireName);
        Diff.Validators.Add(Images.RequireName);
        Listen.Validators.Add(LinkOptions.RequireAddress);
        Drain.Validators.Add(result => ServeOptions.RequireRange(result, Drain, "seconds", 0, 86400));
        var verb = new Verb("page-server", "Serve an image's pages to 'uffd serve --from' on other hosts")
        {
            TerminationTimeout = null, // SIGTERM is its regular end
            Examples =
            [
                new("uffd page-server --image vm.mem --listen '*:7000' --cert host.pem --key host.key --ca ca.pem", "to whom the authority has signed a certificate"),
                new("uffd page-server --image vm.mem --listen 127.0.0.1:7000", "to this host, where anybody may connect"),
                new("uffd page-server --image vm.mem --listen unix:/run/pages.sock", "to this user's processes alone"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "stopped by SIGTERM or SIGINT"),
                new(ExitCodes.Failed, "the address cannot be listened on"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.NotAllowed, "the socket's folder may not be written"),
                new(ExitCodes.BadInput, "the image, a diff or a certificate is missing, empty, unreadable, or does not belong to the others"),
            ],
        };
        foreach (Option option in (Option[])[Image, Diff, Listen, .. links.All, AllowUid, Drain, Json])
        {
            verb.Options.Add(option);
        }

        verb.Validators.Add(links.Validate);
        verb.SetAction((result, _) => RunAsync(result, links));
        return verb;
    }

    private static async Task<int> RunAsync(ParseResult result, LinkOptions links)
    {
        string path = result.GetRequiredValue(Image);
        string[] diffs = result.GetValue(Diff) ?? [];
        using IPageSource image = Images.OpenLayers(path, diffs);
        using var printer = new ServePrinter(Screen.Standard().Output, result.GetValue(Json));
        using var stop = new StopSignals();
        MigrationLinkOptions how = links.Read(result) with { AllowedUsers = result.GetValue(AllowUid) ?? [] };
        using MigrationListener listener = MigrationListener.Listen(LinkOptions.AddressOf(result, Listen)!, how);
        using var server = new PageServer([image], [ImageName.Of(path, diffs)], new MigrationSourceOptions { Observer = happened => Tell(printer, happened) });
        using var end = new CancellationTokenSource();
        Task serving = server.RunAsync(listener, end.Token);
        printer.Print(new DaemonEvent(DaemonEventKind.Ready, listener.Address.ToString()));
        await stop.FirstAsync();
        await DrainAsync(server, TimeSpan.FromSeconds(result.GetValue(Drain)), printer, stop);
        await end.CancelAsync();
        await serving;
        printer.Print(new DaemonEvent(DaemonEventKind.Stopped, "stopped"));
        return ExitCodes.Done;
    }

    private static async Task DrainAsync(PageServer server, TimeSpan patience, ServePrinter printer, StopSignals stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop.Second);
        limit.CancelAfter(patience);
        Task left = server.DrainAsync(limit.Token);
        if (!left.IsCompleted)
        {
            printer.Print(new DaemonEvent(
                DaemonEventKind.Draining,
                string.Create(CultureInfo.InvariantCulture, $"serving the {server.GetProgress().Count} clients that are connected until they leave, for at most {patience.TotalSeconds:0.#} s")));
        }

        try
        {
            await left;
        }
        catch (OperationCanceledException)
        {
            // They wait for their pages, until they find a server again.
        }
    }

    private static void Tell(ServePrinter printer, MigrationEvent happened)
    {
        if (happened.Kind != MigrationEventKind.Phase || happened.Progress.Phase is MigrationPhase.PostCopy or MigrationPhase.Done)
        {
            printer.Print(new DaemonEvent(DaemonEventKind.Notice, happened.Message));
        }
    }
}
