using System.CommandLine;
using Uffd.Snapshots;
using Uffd.Tool.Output;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd snapshot</c>: a consistent copy of a process that runs.</summary>
internal static class SnapshotCommand
{
    private const ulong LeastMemory = 4 << 20;

    private static readonly Argument<int> Target = SnapshotArguments.Process("The process to copy; it was not prepared for it, and goes on");

    private static readonly Option<string> Into = new("--output", "-o")
    {
        Description = "The file to write; one that exists is replaced only when the new one is whole",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<string?> Format = new("--format")
    {
        Description = "core: an ELF core file, which every debugger opens; image: compressed, with checksums, and may leave out what a parent has. Default: core, or image with --parent",
        HelpName = "core|image",
    };

    private static readonly Option<string?> Parent = new("--parent")
    {
        Description = "An earlier image of the process: pages that are the same are not stored again",
        HelpName = "FILE",
    };

    private static readonly Option<string> MaxPause = new("--max-pause")
    {
        Description = "How long the last stop may take",
        HelpName = "TIME",
        DefaultValueFactory = _ => "2ms",
    };

    private static readonly Option<string?> RateLimit = new("--rate-limit")
    {
        Description = "Copy at most so many bytes a second while the process runs. Default: no limit",
        HelpName = "SIZE",
    };

    private static readonly Option<string> MemoryLimit = new("--memory-limit")
    {
        Description = "Buffers to use at most, whatever the size of the process",
        HelpName = "SIZE",
        DefaultValueFactory = _ => "64MiB",
    };

    private static readonly Option<string> OnBusy = new("--on-busy")
    {
        Description = "When the process writes faster than it can be copied: throttle takes CPU time from it in slices no longer than --max-pause; stop lets the last stop be longer, and reports it",
        HelpName = "throttle|stop",
        DefaultValueFactory = _ => "throttle",
    };

    private static readonly Option<string?> Filter = new("--filter")
    {
        Description = "Which mappings to keep, as bits of core(5), such as 0x33. Default: /proc/PID/coredump_filter of the process",
        HelpName = "BITS",
    };

    private static readonly Option<bool> NoSync = new("--no-sync") { Description = "Do not wait for the disk before the file gets its name" };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object instead of text" };

    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        AddValidators();
        var verb = new Verb("snapshot", "Copy a running process to a file, with a stop of about a millisecond")
        {
            TerminationTimeout = TimeSpan.FromSeconds(20), // what stands goes on at once; the half-written file is removed
            Examples =
            [
                new("sudo uffd snapshot 1234 -o core.1234", "a core file for gdb, of a process that goes on"),
                new("uffd snapshot 1234 -o mon.image --format image", "compressed, with checksums"),
                new("uffd snapshot 1234 -o tue.image --parent mon.image", "only what changed since"),
                new("uffd snapshot 1234 -o core --max-pause 500us", "a shorter stop, by slowing it down if need be"),
                new("uffd snapshot 1234 -o core --rate-limit 200MiB", "gentle to a busy machine"),
                new("uffd snapshot 1234 -o core --json | jq .finalPauseMs", "how long it stood"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "the file is there, whole"),
                new(ExitCodes.Failed, "the process is not there, ended or cannot be copied, or the file cannot be written; nothing is left under its name"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.NotAllowed, "the process may not be traced by this user: the line says what helps"),
                new(ExitCodes.BadInput, "the parent is missing, damaged or no image"),
                new(ExitCodes.Interrupted, "interrupted; the process goes on, and nothing is left behind"),
            ],
        };
        verb.Arguments.Add(Target);
        foreach (Option option in (Option[])[Into, Format, Parent, MaxPause, RateLimit, MemoryLimit, OnBusy, Filter, NoSync, Json])
        {
            verb.Options.Add(option);
        }

        verb.Validators.Add(result =>
        {
            if (result.GetValue(Parent) is { } parent && string.Equals(result.GetValue(Format), "core", StringComparison.Ordinal))
            {
                result.AddError("--parent goes with images: a core file is always whole");
            }
            else if (result.GetValue(Parent) is { Length: > 0 } before && result.GetValue(Into) is { Length: > 0 } into && SnapshotArguments.SamePath(before, into))
            {
                result.AddError("-o would replace the parent that the image needs");
            }
        });
        verb.SetAction(RunAsync);
        return verb;
    }

    private static void AddValidators()
    {
        Format.AcceptOnlyFromAmong("core", "image");
        OnBusy.AcceptOnlyFromAmong("throttle", "stop");
        Into.Validators.Add(Images.RequireName);
        Parent.Validators.Add(Images.RequireName);
        MaxPause.Validators.Add(result => SnapshotArguments.RequireTime(result, TimeSpan.FromMicroseconds(100), TimeSpan.FromHours(1), "a time from 100us to 1h, such as 2ms"));
        RateLimit.Validators.Add(result => SnapshotArguments.RequireSize(result, 1 << 20, 1UL << 50, "200MiB"));
        MemoryLimit.Validators.Add(result => SnapshotArguments.RequireSize(result, LeastMemory, 1UL << 40, "64MiB"));
        Filter.Validators.Add(result =>
        {
            if (result.Tokens is [var token, ..] && !(SnapshotArguments.TryNumber(token.Value, out ulong bits) && bits <= 0x1FF))
            {
                result.AddError("--filter wants bits of core(5) from 0 to 0x1ff, such as 0x33");
            }
        });
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        Screen screen = Screen.Standard();
        int processId = result.GetValue(Target);
        string path = result.GetRequiredValue(Into);
        bool json = result.GetValue(Json);
        bool isImage = result.GetValue(Parent) is not null || string.Equals(result.GetValue(Format), "image", StringComparison.Ordinal);
        string format = isImage ? "image" : "core";
        var view = new SnapshotProgressView();
        ProcessSnapshotOptions options = Options(result) with { Progress = view.Tell };
        SnapshotReport report = await view.ShowAsync(json ? null : screen, () =>
        {
            using ISnapshotSink sink = Sink(result, path, isImage);
            return ProcessSnapshot.Take(processId, sink, options, cancellation);
        });

        foreach (string warning in report.Warnings)
        {
            Failure.Print(Console.Error, $"warning: {warning}");
        }

        if (json)
        {
            JsonOutput.Write(screen.Output, SnapshotJson.From(report, processId, path, format));
        }
        else if (screen.IsRich)
        {
            SnapshotScreen.Draw(report, path, format, screen.Console);
        }
        else
        {
            SnapshotText.Write(report, path, format, screen.Output);
        }

        return ExitCodes.Done;
    }

    private static ProcessSnapshotOptions Options(ParseResult result) => new()
    {
        MaxPause = SnapshotArguments.TimeOf(result.GetValue(MaxPause)),
        WhenNotConverging = string.Equals(result.GetValue(OnBusy), "stop", StringComparison.Ordinal) ? ConvergenceChoice.LongerStop : ConvergenceChoice.Throttle,
        BytesPerSecond = SnapshotArguments.SizeOf(result.GetValue(RateLimit)) ?? 0,
        BufferBytes = SnapshotArguments.SizeOf(result.GetValue(MemoryLimit)) ?? (long)LeastMemory,
        CoreDumpFilter = SnapshotArguments.TryNumber(result.GetValue(Filter), out ulong bits) ? (int)bits : null,
    };

    private static ISnapshotSink Sink(ParseResult result, string path, bool isImage)
    {
        bool durable = !result.GetValue(NoSync);
        return isImage
            ? SnapshotImageWriter.Create(path, new SnapshotImageOptions { Parent = result.GetValue(Parent), Durable = durable })
            : ElfCoreWriter.Create(path, new SnapshotFileOptions { Durable = durable });
    }
}
