using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Uffd.Migration;

/// <summary>The meter "Uffd.Migration" (docs/metrics.md): what the migrations of this process have done, the ended ones included. Looked up when somebody asks.</summary>
internal static class MigrationMeter
{
    /// <summary>The meter's name.</summary>
    public const string Name = "Uffd.Migration";

    private static readonly Meter Meter = new(Name, typeof(MigrationMeter).Assembly.GetName().Version?.ToString(3));
    private static readonly ConcurrentDictionary<object, Func<MigrationProgress>> Running = new();
    private static readonly Histogram<double> Downtimes = Meter.CreateHistogram<double>("uffd.migration.downtime", "s", "For how long a workload stood");
    private static readonly Lock Gate = new();
    private static long _moved, _wire, _faults, _poisoned, _resumes;

    static MigrationMeter()
    {
        Count("uffd.migration.pages", "By", "Bytes of pages that were moved", progress => (long)progress.MovedBytes, () => _moved);
        Count("uffd.migration.wire", "By", "Bytes that went over connections", progress => (long)progress.WireBytes, () => _wire);
        Count("uffd.migration.faults", "{page}", "Reads that a thread at the destination waited for", progress => progress.Faults, () => _faults);
        Count("uffd.migration.poisoned", "{page}", "Pages that were lost", progress => progress.PoisonedPages, () => _poisoned);
        Count("uffd.migration.resumes", "{connection}", "Connections that took the place of a broken one", progress => progress.Resumes, () => _resumes);
        Meter.CreateObservableUpDownCounter("uffd.migration.running", () => Running.Count, "{migration}", "Migrations that have not ended");
        Meter.CreateObservableUpDownCounter("uffd.migration.left", () => Running.Values.Sum(read => (long)read().LeftBytes), "By", "Bytes that are still to be moved");
    }

    public static void Add(MigrationSource source) => Running[source] = source.GetProgress;

    public static void Add(MigrationDestination destination) => Running[destination] = destination.GetProgress;

    public static void Remove(object side)
    {
        lock (Gate)
        {
            if (Running.TryRemove(side, out Func<MigrationProgress>? read))
            {
                MigrationProgress last = read();
                _moved += (long)last.MovedBytes;
                _wire += (long)last.WireBytes;
                _faults += last.Faults;
                _poisoned += last.PoisonedPages;
                _resumes += last.Resumes;
            }
        }
    }

    public static void Stood(TimeSpan downtime) => Downtimes.Record(downtime.TotalSeconds);

    private static void Count(string name, string unit, string description, Func<MigrationProgress, long> of, Func<long> ended)
        => Meter.CreateObservableCounter(
            name,
            () =>
            {
                lock (Gate)
                {
                    return ended() + Running.Values.Sum(read => of(read()));
                }
            },
            unit,
            description);
}
