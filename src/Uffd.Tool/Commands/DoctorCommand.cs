using System.CommandLine;
using Uffd.Tool.Output;

namespace Uffd.Tool.Commands;

/// <summary><c>uffd doctor</c>: what this host offers, and what would mend what it does not.</summary>
internal static class DoctorCommand
{
    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead of text" };
        var verb = new Verb("doctor", "Check whether paging works on this host, and say what would mend it")
        {
            Examples =
            [
                new("uffd doctor", "check this host"),
                new("uffd doctor --json", "the same for a program"),
            ],
        };
        verb.Options.Add(json);
        verb.SetAction(result => Run(result.GetValue(json)));
        return verb;
    }

    private static int Run(bool json)
    {
        Screen screen = Screen.Standard();
        if (json)
        {
            JsonOutput.Write(screen.Output, new DoctorJson(PagingWorks: false));
        }

        return ExitCodes.Done;
    }
}
