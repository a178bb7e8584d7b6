using System.CommandLine;
using Uffd.Diagnostics;
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
                new("sudo uffd doctor", "check what root may do"),
            ],
            ExitStatuses =
            [
                new(ExitCodes.Done, "paging works here for this user, if only for faults taken in user mode"),
                new(ExitCodes.Failed, "the system allows paging, and the self test failed"),
                new(ExitCodes.Usage, "wrong arguments"),
                new(ExitCodes.NotAllowed, "the system does not allow paging: a privilege or a kernel feature is missing"),
            ],
        };
        verb.Options.Add(json);
        verb.SetAction(result => Run(result.GetValue(json)));
        return verb;
    }

    private static int Run(bool json)
    {
        HostReport report = HostReport.Collect();
        Screen screen = Screen.Standard();
        if (json)
        {
            JsonOutput.Write(screen.Output, DoctorJson.From(report));
        }
        else if (screen.IsRich)
        {
            DoctorScreen.Draw(report, screen.Console);
        }
        else
        {
            DoctorText.Write(report, screen.Output);
        }

        return DoctorVerdict.ExitCode(report);
    }
}
