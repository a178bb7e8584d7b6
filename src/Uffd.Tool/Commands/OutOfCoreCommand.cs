using System.CommandLine;
using System.CommandLine.Parsing;
using Uffd.Daemon;
using Uffd.Tool.OutOfCore;
using Uffd.Tool.Output;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd demo outofcore</c>: memory of one's own, ten times as large as what it may take.</summary>
internal static class OutOfCoreCommand
{
    private const ulong BytesOfAnOperation = 1600; // so that the default is some seconds of work

    private static readonly Option<string> Size = new("--size")
    {
        Description = "How large a file to work on",
        HelpName = "SIZE",
        DefaultValueFactory = _ => "640MiB",
    };

    private static readonly Option<string?> Limit = new("--limit")
    {
        Description = "How much of it may be in memory; a tenth of it if it is not said",
        HelpName = "SIZE",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object instead of text" };

    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        Size.Validators.Add(result => Require(result, 1 << 20, 1UL << 40, "--size wants a size from 1MiB to 1TiB, such as 640MiB"));
        Limit.Validators.Add(result => Require(result, 256 << 10, 1UL << 40, "--limit wants a size from 256KiB to 1TiB, such as 64MiB"));
        var verb = new Verb("outofcore", "Show memory that is larger than what it may take: work on it, verify it, compare it with mmap")
        {
            TerminationTimeout = TimeSpan.FromSeconds(20), // its process ends and its folder is removed first, also on a slow disk
            Examples =
            [
                new("uffd demo outofcore", "a file of 640 MiB in 64 MiB of memory"),
                new("uffd demo outofcore --size 4GiB --limit 256MiB", "larger"),
                new("uffd demo outofcore --size 32MiB --json", "small, for a program"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "every record was right"),
                new(ExitCodes.Failed, "a record was wrong, the disk is full, or a process of the demo failed"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.NotAllowed, "this system cannot have it: Linux 6.7 or newer, see uffd doctor"),
                new(ExitCodes.Interrupted, "interrupted"),
            ],
        };
        verb.Options.Add(Size);
        verb.Options.Add(Limit);
        verb.Options.Add(Json);
        verb.SetAction(RunAsync);
        return verb;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        _ = Sizes.TryParse(result.GetValue(Size), out ulong size);
        ulong limit = result.GetValue(Limit) is { } said && Sizes.TryParse(said, out ulong parsed) ? parsed : Math.Max(size / 10, 64 * (ulong)Environment.SystemPageSize);
        var options = new OutOfCoreOptions(RecordWork.RoundLength(size), limit, (long)(size / BytesOfAnOperation), SelfProcess.Start);
        var screen = Screen.Standard();
        bool json = result.GetValue(Json);
        OutOfCoreResult found = await OutOfCoreProgress.ShowAsync(json ? null : screen, tell => OutOfCoreDemo.RunAsync(options with { Tell = tell }, cancellation));
        if (json)
        {
            JsonOutput.Write(screen.Output, OutOfCoreJson.From(found));
        }
        else if (screen.IsRich)
        {
            OutOfCoreScreen.Draw(found, screen.Console);
        }
        else
        {
            OutOfCoreText.Write(found, screen.Output);
        }

        if (!found.Verified)
        {
            Failure.Print(Console.Error, "the memory is not what was written to it: please report this");
        }

        return found.Verified ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static void Require(OptionResult result, ulong least, ulong most, string message)
    {
        if (result.Tokens.Count > 0 && (!Sizes.TryParse(result.Tokens[0].Value, out ulong bytes) || bytes < least || bytes > most))
        {
            result.AddError(message);
        }
    }
}
