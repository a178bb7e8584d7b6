namespace Uffd.Paging;

/// <summary>
/// How many threads of this process may spin at once: one CPU is left to those that are waited for. With a single CPU nobody
/// may, for who spins on it keeps the fault from happening.
/// </summary>
internal static class SpinBudget
{
    private static readonly int Most = CountCpus() - 1;
    private static int _spinning;

    /// <summary>Whether anybody may spin at all.</summary>
    public static bool IsAny => Most > 0;

    /// <summary>Takes a place, to be given back by <see cref="Exit"/>.</summary>
    public static bool TryEnter()
    {
        if (Interlocked.Increment(ref _spinning) <= Most)
        {
            return true;
        }

        Exit();
        return false;
    }

    /// <summary>Gives the place back.</summary>
    public static void Exit() => Interlocked.Decrement(ref _spinning);

    /// <summary>
    /// Those of the machine: a process that is bound to one may serve another that runs on the next. A quota of CPU time
    /// (cgroups), which <see cref="Environment.ProcessorCount"/> knows, counts as well: spinning would use it up.
    /// </summary>
    private static int CountCpus()
    {
        int bound = CurrentThread.GetCpus().Count;
        if (Environment.ProcessorCount < bound)
        {
            return Environment.ProcessorCount;
        }

        try
        {
            return CpuList.TryParse(File.ReadAllText("/sys/devices/system/cpu/online").Trim(), out IReadOnlyList<int>? online) ? online.Count : bound;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return bound;
        }
    }
}
