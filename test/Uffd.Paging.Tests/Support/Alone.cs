using System.Globalization;
using System.Runtime.InteropServices;

namespace Uffd.Paging.Tests;

/// <summary>Tests that look at, or change, what others in this process stand on: they run alone.</summary>
[CollectionDefinition(nameof(AloneCollection), DisableParallelization = true)]
public sealed class AloneCollection;

/// <summary>The pager's threads in this process, by name.</summary>
internal static class Threads
{
    /// <summary>All of them.</summary>
    public static int Count() => Names().Count(name => name.StartsWith("uffd-", StringComparison.Ordinal));

    private static IEnumerable<string> Names()
    {
        foreach (string task in Directory.EnumerateDirectories("/proc/self/task"))
        {
            string name;
            try
            {
                name = File.ReadAllText(Path.Combine(task, "comm"));
            }
            catch (IOException)
            {
                continue; // it has just ended
            }

            yield return name;
        }
    }
}

/// <summary>No descriptor is left in this process for a while.</summary>
internal sealed partial class DescriptorLimit : IDisposable
{
    private const int RLIMIT_NOFILE = 7;

    private readonly Limit _before;

    private DescriptorLimit(Limit before) => _before = before;

    public static DescriptorLimit Exhausted()
    {
        Assert.Equal(0, GetLimit(RLIMIT_NOFILE, out Limit before));
        HashSet<int> taken = [.. Directory.EnumerateFileSystemEntries("/proc/self/fd").Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture))];
        int lowestFree = Enumerable.Range(0, int.MaxValue).First(number => !taken.Contains(number));
        var limit = new DescriptorLimit(before);
        var none = new Limit { Soft = (nuint)lowestFree, Hard = before.Hard };
        Assert.Equal(0, SetLimit(RLIMIT_NOFILE, in none));
        return limit;
    }

    public void Dispose() => SetLimit(RLIMIT_NOFILE, in _before);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, in Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public nuint Soft;
        public nuint Hard;
    }
}
