using System.CommandLine;
using System.Globalization;
using Uffd.Daemon;
using Uffd.Snapshots;
using Uffd.Tool.Output;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd inspect</c>: what is in a snapshot or a core file.</summary>
internal static class InspectCommand
{
    private static readonly Argument<string> Input = new("FILE") { Description = "An image of uffd, or an ELF core file of uffd, the kernel or gcore" };

    private static readonly Option<bool> Verify = new("--verify") { Description = "Read every page, which compares each with its checksum where the format has them" };

    private static readonly Option<string[]> Extract = new("--extract")
    {
        Description = "Take LENGTH bytes at ADDRESS out: to -o, to a pipe, or as a dump to a terminal",
        HelpName = "ADDRESS LENGTH",
        Arity = new ArgumentArity(2, 2),
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<string?> Into = new("--output", "-o") { Description = "The file to write with --extract", HelpName = "FILE" };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object instead of text" };

    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        Into.Validators.Add(Images.RequireName);
        Extract.Validators.Add(result =>
        {
            if (result.Tokens.Count == 2 && !TryRange(result.Tokens[0].Value, result.Tokens[1].Value, out _))
            {
                result.AddError("--extract wants an address such as 0x7f0012345000 and a length such as 64 or 4KiB");
            }
        });
        var verb = new Verb("inspect", "Show what is in a snapshot: the process, its threads, its mappings and what is kept of them")
        {
            Examples =
            [
                new("uffd inspect mon.image", "what is in it"),
                new("uffd inspect core.1234 --verify", "and whether all of it can be read"),
                new("uffd inspect mon.image --extract 0x7ffd00001000 256", "a dump of 256 bytes"),
                new("uffd inspect mon.image --extract 0x55d0c0b00000 132KiB -o heap.bin", "memory into a file"),
                new("uffd inspect mon.image --json | jq .shares", "numbers for a script"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "shown, and with --verify whole"),
                new(ExitCodes.Failed, "the file to write cannot be written"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.BadInput, "it is missing, no snapshot, damaged (the address is named), its parent is missing or another one, or it does not have those addresses"),
                new(ExitCodes.Interrupted, "interrupted"),
            ],
        };
        verb.Arguments.Add(Input);
        foreach (Option option in (Option[])[Verify, Extract, Into, Json])
        {
            verb.Options.Add(option);
        }

        verb.Validators.Add(result =>
        {
            bool extracts = result.GetResult(Extract) is not null;
            if (result.GetValue(Into) is not null && !extracts)
            {
                result.AddError("-o goes with --extract");
            }
            else if (extracts && (result.GetValue(Json) || result.GetValue(Verify)))
            {
                result.AddError("--extract goes with neither --json nor --verify");
            }
            else if (extracts && result.GetValue(Into) is { Length: > 0 } into && SnapshotArguments.SamePath(into, result.GetValue(Input) ?? ""))
            {
                result.AddError("-o would replace the snapshot itself");
            }
        });
        verb.SetAction(RunAsync);
        return verb;
    }

    /// <summary>Opens a snapshot; what is wrong with it is told of its path.</summary>
    public static SnapshotReader Open(string path)
    {
        try
        {
            return SnapshotReader.Open(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new ToolException(ExitCodes.BadInput, InspectNames.Show(exception.Message), exception);
        }
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        string path = result.GetRequiredValue(Input);
        using SnapshotReader reader = Open(path);
        if (result.GetValue(Extract) is [var address, var length] && TryRange(address, length, out AddressRange range))
        {
            ExtractTo(result.GetValue(Into), reader.Snapshot, range, cancellation);
            return ExitCodes.Done;
        }

        Screen screen = Screen.Standard();
        bool json = result.GetValue(Json);
        InspectSummary summary = InspectSummary.Of(reader.Snapshot, path, new FileInfo(path).Length);
        if (!json)
        {
            Show(summary, screen);
        }

        long? verified = null;
        if (result.GetValue(Verify))
        {
            InspectShares shares = summary.Shares;
            verified = await InspectBar.ShowAsync(json ? null : screen, "verifying", shares.Stored + shares.Parent, tell => InspectPages.Verify(reader.Snapshot, tell, cancellation));
        }

        if (json)
        {
            JsonOutput.Write(screen.Output, InspectJson.From(summary, verified));
        }
        else if (verified is { } bytes)
        {
            screen.Output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"whole: {Sizes.Format((ulong)bytes)} read{(summary.Format is "image" ? ", each page as its checksum says" : "; a core file has no checksums")}"));
        }

        return ExitCodes.Done;
    }

    private static void Show(InspectSummary summary, Screen screen)
    {
        if (screen.IsRich)
        {
            InspectScreen.Draw(summary, screen.Console);
        }
        else
        {
            InspectText.Write(summary, screen.Output);
        }
    }

    private static void ExtractTo(string? path, ISnapshot snapshot, AddressRange range, CancellationToken cancellation)
    {
        if (path is null && !Console.IsOutputRedirected)
        {
            InspectPages.Extract(snapshot, range, (address, bytes) => InspectDump.Write(address, bytes, Console.Out), cancellation);
            return;
        }

        using Stream output = path is null ? Console.OpenStandardOutput() : File.Create(path);
        InspectPages.Extract(snapshot, range, (_, bytes) => output.Write(bytes), cancellation);
    }

    private static bool TryRange(string address, string length, out AddressRange range)
    {
        range = default;
        if (!SnapshotArguments.TryNumber(address, out ulong start)
            || !(SnapshotArguments.TryNumber(length, out ulong bytes) || Sizes.TryParse(length, out bytes))
            || bytes == 0
            || bytes > ulong.MaxValue - start - (1UL << 21))
        {
            return false;
        }

        range = new AddressRange(start, bytes);
        return true;
    }
}
