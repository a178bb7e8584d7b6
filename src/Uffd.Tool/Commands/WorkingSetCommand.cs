using System.CommandLine;
using Uffd.Paging;
using Uffd.Tool.Output;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd workingset</c>: what is in a working set, and its conversion.</summary>
internal static class WorkingSetCommand
{
    private static readonly Argument<string> Set = new("FILE") { Description = "A working set of uffd, or a trace of vHive" };

    private static readonly Option<string?> To = new("--to") { Description = "Write it in this format; needs -o", HelpName = "uffd|vhive" };

    private static readonly Option<string?> Into = new("--output", "-o") { Description = "The file to write with --to", HelpName = "FILE" };

    private static readonly Option<string?> Image = new("--image")
    {
        Description = "The image it is of: it must fit, and --to uffd notes the length",
        HelpName = "FILE",
    };

    private static readonly Option<string?> Pages = new("--pages")
    {
        Description = "Write the content of its pages in order of offset, as vHive's working_set_pages; needs --image",
        HelpName = "FILE",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object instead of text" };

    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        To.AcceptOnlyFromAmong("uffd", "vhive");
        var verb = new Verb("workingset", "Show or convert a working set: the pages of an image that clients touched, in order")
        {
            Examples =
            [
                new("uffd workingset vm.ws", "show what is in it"),
                new("uffd workingset vm.ws --to vhive -o trace", "write it as vHive does"),
                new("uffd workingset trace --to uffd -o vm.ws --image vm.mem", "take over a trace of vHive"),
                new("uffd workingset vm.ws --pages working_set_pages --image vm.mem", "write the content of its pages"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "done"),
                new(ExitCodes.Failed, "a file cannot be written"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.BadInput, "the working set or the image is missing or damaged, or they do not fit each other"),
            ],
        };
        verb.Arguments.Add(Set);
        foreach (Option option in (Option[])[To, Into, Image, Pages, Json])
        {
            verb.Options.Add(option);
        }

        foreach (Option option in (Option[])[Into, Image, Pages])
        {
            option.Validators.Add(Images.RequireName);
        }

        verb.Validators.Add(result =>
        {
            if (result.GetValue(To) is null != result.GetValue(Into) is null)
            {
                result.AddError("--to and -o need each other");
            }

            if (result.GetValue(Pages) is not null && result.GetValue(Image) is null)
            {
                result.AddError("--pages needs --image: a working set has no content of its own");
            }
        });
        verb.SetAction(Run);
        return verb;
    }

    private static int Run(ParseResult result)
    {
        string path = result.GetRequiredValue(Set);
        WorkingSet set = WorkingSets.Open(path, out WorkingSetFormat format);
        using FilePageSource? image = result.GetValue(Image) is { } imagePath ? Images.Open(imagePath) : null;
        if (image is not null)
        {
            set = WorkingSets.Fit(path, set, image);
        }

        if (result.GetValue(Into) is { } output)
        {
            WorkingSetFile.Write(output, set, string.Equals(result.GetValue(To), "vhive", StringComparison.Ordinal) ? WorkingSetFormat.VHive : WorkingSetFormat.Uffd);
        }

        if (result.GetValue(Pages) is { } pages)
        {
            WorkingSetFile.WritePages(pages, set, image!);
        }

        Show(set, format, result.GetValue(Json));
        return ExitCodes.Done;
    }

    private static void Show(WorkingSet set, WorkingSetFormat format, bool json)
    {
        Screen screen = Screen.Standard();
        if (json)
        {
            JsonOutput.Write(screen.Output, WorkingSetJson.From(set, format));
        }
        else if (screen.IsRich)
        {
            WorkingSetScreen.Draw(set, format, screen.Console);
        }
        else
        {
            WorkingSetText.Write(set, format, screen.Output);
        }
    }
}
