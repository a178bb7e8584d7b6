namespace Uffd.Tool.Tests;

/// <summary>
/// Runs the command as a user without any privilege. The folder it was built in may be closed to others (a checkout below a
/// home, for one), so such a user gets a copy where it can be read.
/// </summary>
internal static class OrdinaryUser
{
    private const UnixFileMode ReadableByAll = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private static readonly string[] BecomingNobody = ["--reuid", "65534", "--clear-groups"];

    /// <summary>Runs <c>uffd ARGUMENTS</c> as nobody.</summary>
    public static ToolRun Run(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        Requires.Root();
        Requires.Program("setpriv");
        using var folder = new TemporaryFolder();
        File.SetUnixFileMode(folder.Path, ReadableByAll);
        foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory).Where(file => Path.GetExtension(file) is ".dll" or ".json"))
        {
            File.Copy(file, Path.Combine(folder.Path, Path.GetFileName(file)));
        }

        Requires.That(
            ToolProcess.RunProgram("setpriv", [.. BecomingNobody, ToolProcess.DotnetPath, "--list-runtimes"]).ExitCode == 0,
            "this needs a dotnet that an ordinary user may run");
        string assembly = Path.Combine(folder.Path, Path.GetFileName(ToolProcess.AssemblyPath));
        return ToolProcess.RunProgram("setpriv", [.. BecomingNobody, ToolProcess.DotnetPath, assembly, .. arguments], environment);
    }
}
