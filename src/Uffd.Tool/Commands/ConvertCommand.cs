using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Uffd.Daemon;
using Uffd.Snapshots;
using Uffd.Tool.Output;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd convert</c>: a core file from an image.</summary>
internal static class ConvertCommand
{
    private static readonly Argument<string> Input = new("IMAGE") { Description = "An image of uffd; its parents must be where they were" };

    private static readonly Option<string> Into = new("--output", "-o")
    {
        Description = "The core file to write; one that exists is replaced only when the new one is whole",
        HelpName = "CORE",
        Required = true,
    };

    private static readonly Option<bool> NoSync = new("--no-sync") { Description = "Do not wait for the disk before the file gets its name" };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object instead of text" };

    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        Into.Validators.Add(Images.RequireName);
        var verb = new Verb("convert", "Write an image, with what its parents have of it, as an ELF core file for debuggers")
        {
            TerminationTimeout = TimeSpan.FromSeconds(20),
            Examples =
            [
                new("uffd convert tue.image -o core.tue", "for gdb, from an image and its parents"),
                new("uffd convert tue.image -o core.tue --json", "the same for a program"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "the core file is there, whole"),
                new(ExitCodes.Failed, "it cannot be written; nothing is left under its name"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.BadInput, "the image or a parent is missing or damaged (the address is named), or it is a core file already"),
                new(ExitCodes.Interrupted, "interrupted; nothing is left behind"),
            ],
        };
        verb.Arguments.Add(Input);
        foreach (Option option in (Option[])[Into, NoSync, Json])
        {
            verb.Options.Add(option);
        }

        verb.Validators.Add(result =>
        {
            if (result.GetValue(Input) is { Length: > 0 } image && result.GetValue(Into) is { Length: > 0 } core && SnapshotArguments.SamePath(image, core))
            {
                result.AddError("-o would replace the image itself");
            }
        });
        verb.SetAction(RunAsync);
        return verb;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        string path = result.GetRequiredValue(Into);
        bool json = result.GetValue(Json);
        Screen screen = Screen.Standard();
        var watch = Stopwatch.StartNew();
        using SnapshotReader reader = InspectCommand.Open(result.GetRequiredValue(Input));
        ISnapshot snapshot = reader.Snapshot;
        Refuse(snapshot, path);
        var options = new SnapshotFileOptions { Durable = !result.GetValue(NoSync) };
        ulong total = snapshot.State.Regions.Where(region => region.Content != RegionContent.None).Aggregate(0UL, (sum, region) => sum + region.Mapping.Range.Length);
        ConversionReport report = await InspectBar.ShowAsync(json ? null : screen, "writing", total, tell =>
        {
            ulong told = 0;
            return CoreConverter.Convert(
                snapshot,
                path,
                options,
                progress =>
                {
                    tell((long)(progress.DoneBytes - told));
                    told = progress.DoneBytes;
                },
                cancellation);
        });
        long bytes = (long)report.CopiedBytes;
        double seconds = watch.Elapsed.TotalSeconds;
        if (json)
        {
            JsonOutput.Write(screen.Output, new ConvertJson(path, "core", bytes / snapshot.State.PageSize, bytes, report.FileBytes, Math.Round(seconds, 6)));
        }
        else
        {
            screen.Output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{InspectNames.Show(path)}: {Sizes.Format((ulong)bytes)} of pages, {Sizes.Format((ulong)(bytes / Math.Max(seconds, 1e-6)))}/s; gdb -c {InspectNames.Show(path)}"));
        }

        return ExitCodes.Done;
    }

    private static void Refuse(ISnapshot snapshot, string path)
    {
        if (!string.Equals(snapshot.Format, "image", StringComparison.Ordinal))
        {
            throw new ToolException(ExitCodes.BadInput, "it is a core file already");
        }

        if (snapshot.Parents.Any(parent => SnapshotArguments.SamePath(parent, path)))
        {
            throw new ToolException(ExitCodes.Usage, "-o would replace a parent that the image needs");
        }
    }
}
