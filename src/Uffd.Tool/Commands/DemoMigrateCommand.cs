using System.CommandLine;
using Uffd.Tool.Migrate;

namespace Uffd.Tool.Commands;

/// <summary>The destination of <c>uffd demo migrate</c>: hidden, for it alone.</summary>
internal static class DemoMigrateCommand
{
    /// <summary>Creates the verb.</summary>
    public static Verb Create()
    {
        var length = new Argument<ulong>("length");
        var tls = new Argument<string[]>("tls") { Arity = ArgumentArity.ZeroOrMore };
        var verb = new Verb("demo-migrate-receiver", "The process that the store moves to in uffd demo migrate")
        {
            Examples = [new("uffd demo migrate", "starts it")],
            Hidden = true,
        };
        verb.Arguments.Add(length);
        verb.Arguments.Add(tls);
        verb.SetAction((result, _) => MigrateReceiverProcess.RunAsync(result.GetValue(length), LinkOptions.Load(result.GetValue(tls) ?? [])));
        return verb;
    }
}
