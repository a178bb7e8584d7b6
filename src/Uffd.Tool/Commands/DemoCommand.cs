using System.CommandLine;
using Uffd.Daemon;
using Uffd.Daemon.Demo;
using Uffd.Tool.Output;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd demo</c>: a process that starts before its memory has arrived.</summary>
internal static class DemoCommand
{
    private static readonly Option<string?> Image = new("--image")
    {
        Description = "A file to serve instead of one that is made; its SHA-256 must come out of the memory",
        HelpName = "FILE",
    };

    private static readonly Option<string> Size = new("--size")
    {
        Description = "How large an image to make",
        HelpName = "SIZE",
        DefaultValueFactory = _ => "512MiB",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object instead of text" };

    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        Image.Validators.Add(Images.RequireName);
        Size.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && (!Sizes.TryParse(result.Tokens[0].Value, out ulong bytes) || bytes < 1 << 20 || bytes > 1UL << 40))
            {
                result.AddError("--size wants a size from 1MiB to 1TiB, such as 512MiB");
            }
        });
        var verb = new Verb("demo", "Show a process that reads and verifies its memory while it is still arriving")
        {
            TerminationTimeout = TimeSpan.FromSeconds(20), // its processes end and its image is removed first, also on a slow disk
            Examples =
            [
                new("uffd demo", "an image of 512 MiB, made for it"),
                new("uffd demo --image vm.mem", "any real file"),
                new("uffd demo --size 64MiB --json", "small, for a program"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "every page arrived with the right content"),
                new(ExitCodes.Failed, "a page was wrong, or a process of the demo failed"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.NotAllowed, "the system does not allow paging to this user: see uffd doctor"),
                new(ExitCodes.BadInput, "the image is missing, empty or unreadable"),
                new(ExitCodes.Interrupted, "interrupted"),
            ],
        };
        verb.Options.Add(Image);
        verb.Options.Add(Size);
        verb.Options.Add(Json);
        verb.Subcommands.Add(OutOfCoreCommand.Create());
        verb.Subcommands.Add(MigrateCommand.Create());
        verb.SetAction(RunAsync);
        return verb;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        string? image = result.GetValue(Image);
        if (image is not null)
        {
            Images.Open(image).Dispose(); // an early and clear error
        }

        _ = Sizes.TryParse(result.GetValue(Size), out ulong length);
        var options = new DemoOptions { ImagePath = image, ImageLength = length, Self = SelfProcess.Start };
        var screen = Screen.Standard();
        bool json = result.GetValue(Json);
        DemoResult found = await DemoProgress.ShowAsync(
            json ? null : screen,
            progress => LazyLoadDemo.RunAsync(options with { Progress = progress }, cancellation));
        if (json)
        {
            JsonOutput.Write(screen.Output, DemoJson.From(found));
        }
        else if (screen.IsRich)
        {
            DemoScreen.Draw(found, screen.Console);
        }
        else
        {
            DemoText.Write(found, screen.Output);
        }

        if (!found.Verified)
        {
            Failure.Print(Console.Error, "the memory is not what the image is: please report this");
        }

        return found.Verified ? ExitCodes.Done : ExitCodes.Failed;
    }
}
