using System.Globalization;

namespace Uffd.Bench;

/// <summary>
/// Which CPU the faulting program and the server are held to; null leaves them to the scheduler. Where the two run
/// decides more than what they run: a wake-up that crosses to an idle virtual CPU costs more than the fault.
/// </summary>
internal sealed record Placement(string Name, int? ToucherCpu, int? ServerCpu)
{
    /// <summary>The placements that this process's own set of CPUs allows.</summary>
    public static (Placement OneCpu, Placement Free, Placement? TwoCpus) All()
    {
        var cpus = AllowedCpus();
        return (
            new Placement("one CPU", cpus[0], cpus[0]),
            new Placement("free", null, null),
            cpus.Count > 1 ? new Placement("two CPUs", cpus[0], cpus[1]) : null);
    }

    private static List<int> AllowedCpus()
    {
        const string Field = "Cpus_allowed_list:";
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(Field, StringComparison.Ordinal));
        var cpus = new List<int>();
        foreach (var part in line[Field.Length..].Split(',', StringSplitOptions.TrimEntries))
        {
            var ends = part.Split('-');
            var first = int.Parse(ends[0], CultureInfo.InvariantCulture);
            var last = int.Parse(ends[^1], CultureInfo.InvariantCulture);
            cpus.AddRange(Enumerable.Range(first, last - first + 1));
        }

        return cpus;
    }
}
