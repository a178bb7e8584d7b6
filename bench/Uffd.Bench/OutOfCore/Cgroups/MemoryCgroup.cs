using System.Globalization;

namespace Uffd.Bench;

/// <summary>
/// A memory control group that is made for one program and removed after it, of version 1 or 2, below the caller's own group or,
/// where version 2 allows no groups there, below one of its parents.
/// </summary>
internal sealed class MemoryCgroup : IAsyncDisposable
{
    private const int RemovalTries = 100;
    private static readonly TimeSpan RemovalPause = TimeSpan.FromMilliseconds(50);
    private static int made;

    private readonly string path;
    private readonly bool isVersion2;

    private MemoryCgroup(string path, bool isVersion2, long limit)
    {
        this.path = path;
        this.isVersion2 = isVersion2;
        Limit = limit;
    }

    /// <summary>Bytes that all its processes and their page cache may have.</summary>
    public long Limit { get; }

    /// <summary>The file into which a process that joins writes.</summary>
    public string Members => Path.Combine(path, "cgroup.procs");

    public int Version => isVersion2 ? 2 : 1;

    /// <summary>The most that was charged at once, or 0 where the kernel does not keep that.</summary>
    public long Peak => Number(isVersion2 ? "memory.peak" : "memory.max_usage_in_bytes");

    /// <summary>How often something had to wait until other pages were taken back.</summary>
    public long TimesAtLimit => isVersion2 ? Row("memory.events", "max") : Number("memory.failcnt");

    /// <summary>What is charged now: page cache, and memory of the programs' own.</summary>
    public (long Cache, long Own) Charged => isVersion2
        ? (Row("memory.stat", "file"), Row("memory.stat", "anon"))
        : (Row("memory.stat", "cache"), Row("memory.stat", "rss"));

    /// <exception cref="CgroupException">None can be made: the message says why.</exception>
    public static MemoryCgroup Create(long limit)
    {
        var place = CgroupPlace.Find();
        var name = $"uffd-bench-{Environment.ProcessId}-{Interlocked.Increment(ref made)}";
        var reason = "no group has the memory controller for its children";
        foreach (var parent in place.Candidates)
        {
            var group = new MemoryCgroup(Path.Combine(parent, name), place.IsVersion2, limit);
            try
            {
                Directory.CreateDirectory(group.path);
                if (group.TrySetLimit(parent))
                {
                    return group;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                reason = e.Message;
            }

            group.TryRemove();
        }

        throw new CgroupException($"no memory control group can be made ({reason}): run as root, or where the memory controller is delegated");
    }

    public async ValueTask DisposeAsync()
    {
        // Its processes have ended, but the kernel may still be about it.
        for (var i = 0; i < RemovalTries && !TryRemove(); i++)
        {
            await Task.Delay(RemovalPause);
        }
    }

    /// <summary>No swap either: what is taken out must go to the file.</summary>
    private bool TrySetLimit(string parent)
    {
        var limit = Limit.ToString(CultureInfo.InvariantCulture);
        if (!isVersion2)
        {
            Write("memory.limit_in_bytes", limit);
            Write("memory.swappiness", "0");
            return true;
        }

        if (!File.Exists(Path.Combine(path, "memory.max")))
        {
            File.WriteAllText(Path.Combine(parent, "cgroup.subtree_control"), "+memory");
        }

        if (!File.Exists(Path.Combine(path, "memory.max")))
        {
            return false;
        }

        Write("memory.max", limit);
        if (File.Exists(Path.Combine(path, "memory.swap.max")))
        {
            Write("memory.swap.max", "0");
        }

        return true;
    }

    private bool TryRemove()
    {
        try
        {
            // Not recursive: the kernel's files in it go with it, and cannot be deleted one by one.
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: false);
            }

            return !Directory.Exists(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Write(string file, string value) => File.WriteAllText(Path.Combine(path, file), value);

    private long Number(string file)
    {
        try
        {
            return long.Parse(File.ReadAllText(Path.Combine(path, file)), CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private long Row(string file, string name)
    {
        try
        {
            foreach (var row in File.ReadLines(Path.Combine(path, file)))
            {
                if (row.Split(' ') is [var key, var value] && string.Equals(key, name, StringComparison.Ordinal))
                {
                    return long.Parse(value, CultureInfo.InvariantCulture);
                }
            }
        }
        catch (IOException)
        {
            // The group has gone, or the kernel does not keep this.
        }

        return 0;
    }
}
