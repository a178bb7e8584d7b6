using System.Diagnostics;

namespace Uffd.Paging;

/// <summary>Where the pager program is, and how it is run.</summary>
/// <param name="File">The file to execute.</param>
/// <param name="Arguments">What comes before its own arguments.</param>
internal sealed record PagerProgram(string File, IReadOnlyList<string> Arguments)
{
    /// <summary>The assembly's file.</summary>
    public const string AssemblyName = "Uffd.PagerProcess.dll";

    /// <summary>Finds it.</summary>
    /// <param name="path">An assembly or an executable file; null for the one in the folder of this program.</param>
    /// <exception cref="UffdException">It is not there, or nothing that runs it is.</exception>
    public static PagerProgram Find(string? path)
    {
        string full = path is null ? Path.Combine(AppContext.BaseDirectory, AssemblyName) : Path.GetFullPath(path);
        if (!System.IO.File.Exists(full))
        {
            throw new UffdException(path is null
                ? $"there is no pager program {full}: refer to Uffd.PagerProcess in the project that is started, or name the program (RawRegionOptions.PagerPath)"
                : $"there is no pager program {full}");
        }

        return full.EndsWith(".dll", StringComparison.OrdinalIgnoreCase) ? new PagerProgram(FindHost(), ["exec", full]) : new PagerProgram(full, []);
    }

    /// <summary>How to run it.</summary>
    public ProcessStartInfo CreateStart(params ReadOnlySpan<string> arguments)
    {
        var start = new ProcessStartInfo(File)
        {
            UseShellExecute = false,
            RedirectStandardInput = true, // what this process reads is not the pager's; standard error stays, for its last words
            RedirectStandardOutput = true,
        };
        foreach (string argument in (ReadOnlySpan<string>)[.. Arguments, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["DOTNET_EnableDiagnostics"] = "0"; // it may be killed, and would leave its diagnostic sockets behind
        return start;
    }

    /// <summary>The runtime of this process, where it is one that can run others; else the one that is installed.</summary>
    private static string FindHost()
    {
        const string Host = "dotnet";
        string? found = Candidates().FirstOrDefault(System.IO.File.Exists);
        return found ?? throw new UffdException("the pager program needs the dotnet command, and there is none: set DOTNET_ROOT to the folder that has it");

        static IEnumerable<string> Candidates()
        {
            if (Environment.ProcessPath is { } own && string.Equals(Path.GetFileName(own), Host, StringComparison.Ordinal))
            {
                yield return own;
            }

            if (Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } named)
            {
                yield return named;
            }

            foreach (string? folder in (string?[])[
                Environment.GetEnvironmentVariable("DOTNET_ROOT"),
                .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'),
                "/usr/share/dotnet", "/usr/lib/dotnet"])
            {
                if (!string.IsNullOrEmpty(folder))
                {
                    yield return Path.Combine(folder, Host);
                }
            }
        }
    }
}
