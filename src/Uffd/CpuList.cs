using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Uffd;

/// <summary>Lists of CPUs as Linux writes them, "0,2-5" (cpuset(7), "List format").</summary>
public static class CpuList
{
    private const int MostCpus = 8192; // that Linux can be built for

    /// <summary>Reads a list.</summary>
    /// <param name="text">Numbers and ranges, separated by commas.</param>
    /// <param name="cpus">The numbers, each once, in order.</param>
    /// <returns>Whether it is one, and not empty.</returns>
    public static bool TryParse(string? text, [NotNullWhen(true)] out IReadOnlyList<int>? cpus)
    {
        cpus = null;
        var found = new SortedSet<int>();
        foreach (string part in (text ?? "").Split(',', StringSplitOptions.TrimEntries))
        {
            string[] ends = part.Split('-', 2);
            if (!TryParseCpu(ends[0], out int first) || !TryParseCpu(ends[^1], out int last) || last < first)
            {
                return false;
            }

            found.UnionWith(Enumerable.Range(first, last - first + 1));
        }

        cpus = [.. found];
        return true;
    }

    /// <summary>Writes a list, with ranges where numbers follow each other.</summary>
    /// <param name="cpus">The numbers.</param>
    public static string Format(IEnumerable<int> cpus)
    {
        var parts = new List<string>();
        int[] sorted = [.. cpus.Distinct().Order()];
        for (int index = 0; index < sorted.Length; index++)
        {
            int first = sorted[index];
            while (index + 1 < sorted.Length && sorted[index + 1] == sorted[index] + 1)
            {
                index++;
            }

            parts.Add(first == sorted[index] ? $"{first}" : $"{first}-{sorted[index]}");
        }

        return string.Join(',', parts);
    }

    /// <summary>The CPUs among these that do not exist here, or that this process may not run on.</summary>
    /// <param name="cpus">Their numbers.</param>
    public static IReadOnlyList<int> FindUnusable(IReadOnlyCollection<int> cpus)
    {
        ArgumentNullException.ThrowIfNull(cpus);

        // The mask that this process has now is no limit, for it may be widened: the kernel tells what it takes. Tried on a thread
        // that is thrown away, for a mask is not given back.
        IReadOnlyList<int> usable = [];
        var trial = new Thread(() => usable = CurrentThread.TrySetCpus(cpus) ? [.. cpus] : [.. cpus.Where(cpu => CurrentThread.TrySetCpus([cpu]))]);
        trial.Start();
        trial.Join();
        return [.. cpus.Except(usable).Order()];
    }

    private static bool TryParseCpu(string text, out int cpu)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out cpu) && cpu < MostCpus;
}
