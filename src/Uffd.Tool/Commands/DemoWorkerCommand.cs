using System.CommandLine;
using Uffd.Daemon.Demo;

namespace Uffd.Tool.Commands;

/// <summary>The demo's second process: hidden, for <c>uffd demo</c> alone.</summary>
internal static class DemoWorkerCommand
{
    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        var socket = new Argument<string>("socket");
        var length = new Argument<ulong>("length");
        var checksums = new Argument<string>("checksums");
        var verb = new Verb("demo-worker", "The process whose memory is paged in uffd demo")
        {
            Examples = [new("uffd demo", "starts it")],
            Hidden = true,
        };
        verb.Arguments.Add(socket);
        verb.Arguments.Add(length);
        verb.Arguments.Add(checksums);
        verb.SetAction(result =>
            DemoWorker.Run(result.GetRequiredValue(socket), result.GetValue(length), result.GetRequiredValue(checksums), Console.Out)
                ? ExitCodes.Done
                : ExitCodes.Failed);
        return verb;
    }
}
