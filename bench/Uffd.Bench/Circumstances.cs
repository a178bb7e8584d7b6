using System.Globalization;

namespace Uffd.Bench;

/// <summary>What makes a run's figures worth less, and where its files go: the same for every benchmark.</summary>
internal static class Circumstances
{
    /// <summary>Notes what a reader of the figures must know.</summary>
    public static void Note(bool quick, Action<string> note)
    {
        if (!BuildFacts.IsRelease)
        {
            note("this is a Debug build: its figures say nothing");
        }

        if (quick)
        {
            note("--quick: small and once, so the figures show little more than that everything runs");
        }

        var load = double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
        if (load > 1)
        {
            note(string.Create(CultureInfo.InvariantCulture, $"the machine was busy before this began (load average {load:0.0}): take the figures with care"));
        }
    }

    /// <summary>Makes a folder of this run's own.</summary>
    public static string MakeDirectory(string parent)
    {
        try
        {
            return Directory.CreateDirectory(Path.Combine(parent, $"uffd-bench-{Environment.ProcessId}")).FullName;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BenchException($"nothing can be written in {parent}: {e.Message}");
        }
    }
}
