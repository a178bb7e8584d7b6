using System.Diagnostics;
using System.Globalization;

namespace Uffd.Snapshots.Tests.Images;

/// <summary>A file system in memory that is soon full.</summary>
internal sealed class SmallTmpfs : IDisposable
{
    public SmallTmpfs(TemporaryFolder folder, long bytes)
    {
        Path = folder.File("small");
        Directory.CreateDirectory(Path);
        Requires.That(
            Run("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={bytes}"), "none", Path) == 0,
            "this needs to mount a tmpfs");
    }

    public string Path { get; }

    public void Dispose() => Run("umount", "-l", Path);

    private static int Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
