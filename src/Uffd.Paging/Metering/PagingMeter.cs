using System.Diagnostics.Metrics;

namespace Uffd.Paging;

/// <summary>
/// The meter "Uffd.Paging" (docs/metrics.md): what all pagers of this process did. All but the two histograms are looked up when
/// somebody asks, so that serving a fault costs the same whether anybody does. The histograms are recorded only then.
/// </summary>
internal static class PagingMeter
{
    /// <summary>The meter's name, for a listener or an exporter.</summary>
    public const string Name = "Uffd.Paging";

    private const double NanosecondsPerSecond = 1e9;

    /// <summary>A fault takes microseconds, and a slow source seconds: the usual boundaries begin at 5 ms.</summary>
    public static readonly InstrumentAdvice<double> Latencies = new()
    {
        HistogramBucketBoundaries =
        [
            1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 2, 5, 10,
        ],
    };

    private static readonly Meter Meter = new(Name, typeof(PagingMeter).Assembly.GetName().Version?.ToString(3));

    private static readonly Histogram<double> FillDuration = Meter.CreateHistogram(
        "uffd.fill.duration", "s", "From the reading of a fault until its page was installed", tags: null, Latencies);

    private static readonly Histogram<double> SourceDuration = Meter.CreateHistogram(
        "uffd.source.duration", "s", "A read of a page source, of whatever length", tags: null, Latencies);

    private static readonly SampledSum Sample = new(SpaceTotals.OfProcess);

    static PagingMeter()
    {
        Count("uffd.faults", "{fault}", "Page faults read", () =>
        [
            Kind(Sample.Value.MissingFaults, "missing"),
            Kind(Sample.Value.DuplicateFaults, "duplicate"),
            Kind(Sample.Value.WriteProtectFaults, "write-protect"),
            Kind(Sample.Value.MinorFaults, "minor"),
            Kind(Sample.Value.OutsideFaults, "outside"),
        ]);
        Count("uffd.pages.filled", "{page}", "Pages brought", () =>
        [
            By(Sample.Value.DemandPages, "demand"),
            By(Sample.Value.BackgroundPages, "background"),
            By(Sample.Value.ReplayedPages, "replay"),
            By(Sample.Value.ReadAheadPages, "read-ahead"),
        ]);
        Count("uffd.pages.zero", "{page}", "Of the pages brought, those that were mapped as zeros", sum => sum.ZeroPages);
        Count("uffd.pages.shared", "{page}", "Of the pages brought, those of a shared image that were mapped and not copied", sum => sum.SharedPages);
        Count("uffd.pages.removed", "{page}", "Pages that their process discarded", sum => sum.RemovedPages);
        Count("uffd.pages.poisoned", "{page}", "Pages whose content could not be had", sum => sum.PoisonedPages);
        Count("uffd.copied", "By", "Bytes copied into processes", sum => sum.CopiedBytes);
        Count("uffd.prefetch.hits", "{page}", "Pages read ahead that were then used", sum => sum.PrefetchHits);
        Count("uffd.prefetch.waste", "{page}", "Pages read ahead for nothing", sum => sum.PrefetchWaste);
        Count("uffd.fills.again", "{fill}", "Fills tried again because the address space was changing (EAGAIN)", sum => sum.Retries);
        Count("uffd.fills.present", "{fill}", "Fills that found the page there (EEXIST)", sum => sum.AlreadyPresent);
        Count("uffd.source.failures", "{read}", "Failed attempts to get a page's content", sum => sum.SourceFailures);
        Count("uffd.source.retries", "{read}", "Times a source was asked again for a page that a fault waits for", sum => sum.SourceRetries);
        Count("uffd.events", "{event}", "Discards, unmappings, moves and forks that were followed", sum => sum.Events);
        Now("uffd.resident", "By", "Bytes that are there in the processes served", sum => sum.ResidentBytes);
        Now("uffd.pages.pending", "{page}", "Pages still to come", sum => sum.PendingPages);
        Now("uffd.spaces", "{space}", "Address spaces served", _ => SpaceTotals.OfProcess.Living);
    }

    /// <summary>Makes the instruments known before there is anything to measure.</summary>
    public static void Ensure() => System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(typeof(PagingMeter).TypeHandle);

    public static void RecordFill(long nanoseconds)
    {
        if (FillDuration.Enabled)
        {
            FillDuration.Record(nanoseconds / NanosecondsPerSecond);
        }
    }

    public static void RecordSource(long nanoseconds)
    {
        if (SourceDuration.Enabled)
        {
            SourceDuration.Record(nanoseconds / NanosecondsPerSecond);
        }
    }

    private static void Count(string name, string unit, string description, Func<IEnumerable<Measurement<long>>> values)
        => Meter.CreateObservableCounter(name, values, unit, description);

    private static void Count(string name, string unit, string description, Func<AddressSpaceStatistics, long> value)
        => Meter.CreateObservableCounter(name, () => value(Sample.Value), unit, description);

    private static void Now(string name, string unit, string description, Func<AddressSpaceStatistics, long> value)
        => Meter.CreateObservableUpDownCounter(name, () => value(Sample.Value), unit, description);

    private static Measurement<long> Kind(long value, string kind) => new(value, new KeyValuePair<string, object?>("kind", kind));

    private static Measurement<long> By(long value, string way) => new(value, new KeyValuePair<string, object?>("by", way));
}
