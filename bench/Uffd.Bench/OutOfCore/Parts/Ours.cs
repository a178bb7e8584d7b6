using System.Diagnostics;

namespace Uffd.Bench;

/// <summary>Our side's program: this one, started again as a process of its own.</summary>
internal static class Ours
{
    /// <summary>The command line that starts it.</summary>
    public static (string Program, string[] Arguments) Command(params ReadOnlySpan<string> arguments)
    {
        var self = Environment.ProcessPath ?? throw new BenchException("this process does not know its own program");
        string[] command = [OutOfCoreChild.Verb, .. arguments];

        // Started as "dotnet Uffd.Bench.dll", the program is the runtime's host.
        return string.Equals(Path.GetFileName(self), "dotnet", StringComparison.Ordinal)
            ? (self, [typeof(Ours).Assembly.Location, .. command])
            : (self, command);
    }

    /// <summary>A .NET program's host looks for the runtime; the one that runs this benchmark is the one to use.</summary>
    public static void AddRuntime(ProcessStartInfo start)
    {
        if (Path.GetFullPath(Path.Combine(AppContext.GetData("FX_DEPS_FILE")?.ToString() ?? "/", "../../../..")) is var root
            && File.Exists(Path.Combine(root, "dotnet")))
        {
            start.Environment.TryAdd("DOTNET_ROOT", root);
        }
    }
}
