using System.CommandLine;
using Uffd.Tool.OutOfCore;

namespace Uffd.Tool.Commands;

/// <summary>The mapped side of <c>uffd demo outofcore</c>: hidden, for it alone.</summary>
internal static class DemoMappedCommand
{
    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        var file = new Argument<string>("file");
        var length = new Argument<long>("length");
        var operations = new Argument<long>("operations");
        var verb = new Verb("demo-mmap", "The process with a mapped file in uffd demo outofcore")
        {
            Examples = [new("uffd demo outofcore", "starts it")],
            Hidden = true,
        };
        verb.Arguments.Add(file);
        verb.Arguments.Add(length);
        verb.Arguments.Add(operations);
        verb.SetAction(result => MappedWorker.Run(result.GetRequiredValue(file), result.GetValue(length), result.GetValue(operations), Console.In, Console.Out));
        return verb;
    }
}
