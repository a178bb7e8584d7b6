using System.Diagnostics;
using System.Reflection;

namespace Uffd.Tool;

/// <summary>This program again, whether it was started by its host file or through <c>dotnet</c>.</summary>
internal static class SelfProcess
{
    /// <summary>How to start it.</summary>
    /// <param name="arguments">What stands behind <c>uffd</c>.</param>
    public static ProcessStartInfo Start(IReadOnlyList<string> arguments)
    {
        string program = Environment.ProcessPath ?? throw new ToolException(ExitCodes.Failed, "the program's own path is not known");
        bool throughDotnet = string.Equals(Path.GetFileNameWithoutExtension(program), "dotnet", StringComparison.Ordinal);
        string[] library = throughDotnet ? [Path.Combine(AppContext.BaseDirectory, $"{Assembly.GetExecutingAssembly().GetName().Name}.dll")] : [];
        return new ProcessStartInfo(program, [.. library, .. arguments]);
    }
}
