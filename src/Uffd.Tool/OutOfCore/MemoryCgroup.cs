using System.Globalization;

namespace Uffd.Tool.OutOfCore;

/// <summary>A group of processes whose memory, page cache and all, is limited by the kernel: where this user may make one.</summary>
internal sealed class MemoryCgroup : IDisposable
{
    private const string Root = "/sys/fs/cgroup";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly string _path;
    private readonly bool _isV2;

    private MemoryCgroup(string path, bool isV2)
    {
        _path = path;
        _isV2 = isV2;
    }

    private string LimitFile => Path.Combine(_path, _isV2 ? "memory.max" : "memory.limit_in_bytes");

    /// <summary>Makes one, below this process's own or at the top; null where that is not possible.</summary>
    public static MemoryCgroup? TryCreate()
    {
        foreach ((string parent, bool isV2) in Parents())
        {
            string path = Path.Combine(parent, string.Create(CultureInfo.InvariantCulture, $"uffd-demo-{Environment.ProcessId}"));
            try
            {
                Directory.CreateDirectory(path);
                var group = new MemoryCgroup(path, isV2);
                if (File.Exists(group.LimitFile))
                {
                    return group;
                }

                group.Dispose(); // this hierarchy does not count memory here
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Not here: perhaps the next.
            }
        }

        return null;
    }

    /// <summary>Puts a process into it, with all memory it will ask for.</summary>
    public void Add(int processId) => File.WriteAllText(Path.Combine(_path, "cgroup.procs"), processId.ToString(CultureInfo.InvariantCulture));

    /// <summary>Limits it to what its processes have now beside the page cache, and so much more. What is above that is taken out of the page cache.</summary>
    public void LimitTo(ulong more)
    {
        ulong limit = Used() + more;
        if (_isV2)
        {
            TryWrite("memory.swap.max", "0");
        }

        long started = Environment.TickCount64;
        while (true)
        {
            try
            {
                File.WriteAllText(LimitFile, limit.ToString(CultureInfo.InvariantCulture));
                return;
            }
            catch (IOException) when (Environment.TickCount64 - started < Patience.TotalMilliseconds)
            {
                Thread.Sleep(20); // EBUSY: pages that are being written to the disk cannot go yet
            }
        }
    }

    /// <summary>Removes it. Its processes have ended; the kernel may take a moment to know.</summary>
    public void Dispose()
    {
        long started = Environment.TickCount64;
        while (Environment.TickCount64 - started < Patience.TotalMilliseconds)
        {
            try
            {
                Directory.Delete(_path);
                return;
            }
            catch (DirectoryNotFoundException)
            {
                return;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                Thread.Sleep(20);
            }
        }
    }

    private static IEnumerable<(string Path, bool IsV2)> Parents()
    {
        foreach (string line in File.Exists("/proc/self/cgroup") ? File.ReadAllLines("/proc/self/cgroup") : [])
        {
            string[] parts = line.Split(':', 3); // number, controllers, path
            bool isV2 = parts is ["0", "", _];
            if (parts.Length < 3 || (!isV2 && !parts[1].Split(',').Contains("memory", StringComparer.Ordinal)))
            {
                continue;
            }

            foreach (string root in isV2 ? new[] { Root, Path.Combine(Root, "unified") } : [Path.Combine(Root, "memory")])
            {
                foreach (string path in new[] { root + parts[2].TrimEnd('/'), root }.Where(Directory.Exists))
                {
                    yield return (path, isV2);
                }
            }
        }
    }

    private ulong Used()
    {
        ulong all = ulong.Parse(File.ReadAllText(Path.Combine(_path, _isV2 ? "memory.current" : "memory.usage_in_bytes")), CultureInfo.InvariantCulture);
        string name = _isV2 ? "file " : "cache ";
        string? cache = File.ReadLines(Path.Combine(_path, "memory.stat")).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
        return all - Math.Min(all, cache is null ? 0 : ulong.Parse(cache[name.Length..], CultureInfo.InvariantCulture));
    }

    private void TryWrite(string file, string text)
    {
        try
        {
            File.WriteAllText(Path.Combine(_path, file), text);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A kernel without swap has no such file.
        }
    }
}
