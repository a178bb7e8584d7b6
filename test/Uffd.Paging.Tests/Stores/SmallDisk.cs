using System.Diagnostics;
using System.Globalization;

namespace Uffd.Paging.Tests.Stores;

/// <summary>
/// An ext4 file system of a test's own, on a loop device over a sparse file, which is on a tmpfs with room for a part of it: when that is full, the
/// "disk" fails what it has already promised to write.
/// </summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _backing;
    private readonly string _mounted;
    private string? _device;

    private SmallDisk(string backing, string mounted)
    {
        _backing = backing;
        _mounted = mounted;
    }

    /// <summary>Makes and mounts one.</summary>
    /// <param name="folder">Where its parts are.</param>
    /// <param name="mounted">Where it is to be seen.</param>
    /// <param name="bytes">How large it says it is.</param>
    /// <param name="format">More arguments for mkfs.ext4.</param>
    public static SmallDisk Mount(TemporaryFolder folder, string mounted, ulong bytes, params string[] format)
    {
        Requires.Root();
        Requires.Program("losetup");
        Requires.Program("mkfs.ext4");
        var disk = new SmallDisk(folder.File("backing"), mounted);
        Directory.CreateDirectory(disk._backing);
        Directory.CreateDirectory(mounted);
        try
        {
            string size = string.Create(CultureInfo.InvariantCulture, $"size={bytes * 2}");
            Requires.That(Run(out _, "mount", "-t", "tmpfs", "-o", size, "none", disk._backing) == 0, "this needs to mount a tmpfs");
            string image = Path.Combine(disk._backing, "image");
            using (FileStream file = File.Create(image))
            {
                file.SetLength((long)bytes);
            }

            Requires.That(Run(out string device, "losetup", "--find", "--show", image) == 0, "this needs a loop device");
            disk._device = device.Trim();
            Requires.That(Run(out _, "mkfs.ext4", ["-q", "-O", "^has_journal", "-E", "nodiscard", .. format, disk._device]) == 0, "this needs mkfs.ext4");
            Requires.That(Run(out _, "mount", "-t", "ext4", disk._device, mounted) == 0, "this needs to mount an ext4");
            return disk;
        }
        catch
        {
            disk.Dispose();
            throw;
        }
    }

    /// <summary>From now on the disk has no room for what was not written to it before, though the file system on it has.</summary>
    public void Fill()
    {
        using FileStream file = File.Create(Path.Combine(_backing, "filler"));
        byte[] block = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(block);
                file.Flush();
            }
        }
        catch (IOException)
        {
            file.Close();
        }
    }

    /// <summary>There is room again.</summary>
    public void Empty() => File.Delete(Path.Combine(_backing, "filler"));

    public void Dispose()
    {
        Run(out _, "umount", "-l", _mounted);
        if (_device is not null)
        {
            Run(out _, "losetup", "--detach", _device);
        }

        Run(out _, "umount", "-l", _backing);
    }

    private static int Run(out string output, string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(TestTime.Scaled(TimeSpan.FromSeconds(60))), program);
        errors.GetAwaiter().GetResult();
        return process.ExitCode;
    }
}
