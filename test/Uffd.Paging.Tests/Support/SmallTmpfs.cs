using System.Diagnostics;
using System.Globalization;

namespace Uffd.Paging.Tests;

/// <summary>A file system in memory that is soon full.</summary>
internal sealed class SmallTmpfs : IDisposable
{
    private readonly string _path;

    public SmallTmpfs(TemporaryFolder folder, ulong bytes)
    {
        _path = folder.File("small");
        Directory.CreateDirectory(_path);
        Requires.That(
            Run("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={bytes}"), "none", _path) == 0,
            "this needs to mount a tmpfs");
    }

    /// <summary>Makes a file, larger than there is room for if need be.</summary>
    public SafeDescriptorHandle CreateFile(string name, ulong length)
    {
        using var file = File.OpenHandle(Path.Combine(_path, name), FileMode.CreateNew, FileAccess.ReadWrite);
        RandomAccess.SetLength(file, (long)length);
        var owned = new SafeDescriptorHandle(file.DangerousGetHandle());
        file.SetHandleAsInvalid(); // one owner
        return owned;
    }

    public void Dispose() => Run("umount", "-l", _path);

    private static int Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
