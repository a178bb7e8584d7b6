using System.Globalization;
using Uffd.Daemon;
using Uffd.Paging;

namespace Uffd.Tool.Output;

/// <summary>What a daemon has done, in a few lines for people: what <c>uffd serve</c> prints when asked and at its end.</summary>
internal static class NumbersText
{
    private const int NameWidth = 10;

    /// <summary>One line that says what the numbers are of.</summary>
    public static string Headline(DaemonStatus status) => string.Create(
        CultureInfo.InvariantCulture,
        $"after {Figures.Span(status.Seconds)}: {status.ClientCount} {(status.ClientCount == 1 ? "client" : "clients")} now, {status.AttachedCount} so far, {status.RefusedCount} refused");

    /// <summary>The lines, without a break behind the last.</summary>
    public static string Format(DaemonStatus status)
        => string.Join('\n', new[] { $"numbers {Headline(status)}" }.Concat(Rows(status.Totals).Select(row => $"  {row.Name.PadRight(NameWidth)}  {row.Value}")));

    /// <summary>Name and value of each line. What never happened is left out of a line, and trouble that there was none of is said so.</summary>
    public static IReadOnlyList<(string Name, string Value)> Rows(AddressSpaceStatistics sum)
    {
        var rows = new List<(string Name, string Value)>
        {
            ("faults", With(sum.Faults, (sum.MissingFaults, "missing"), (sum.DuplicateFaults, "duplicate"), (sum.WriteProtectFaults, "write-protect"), (sum.MinorFaults, "minor"), (sum.OutsideFaults, "outside"))),
            ("fill", Latency(sum.FillLatency, "from fault to page")),
        };
        if (sum.SourceLatency.Count > 0)
        {
            rows.Add(("source", Latency(sum.SourceLatency, "a read")));
        }

        long pages = sum.DemandPages + sum.BackgroundPages + sum.ReplayedPages + sum.ReadAheadPages;
        rows.Add(("pages", With(pages, (sum.DemandPages, "on demand"), (sum.BackgroundPages, "in the background"), (sum.ReplayedPages, "replayed"), (sum.ReadAheadPages, "read ahead"), (sum.ZeroPages, "of them zero"), (sum.SharedPages, "of them shared"))));
        if (sum.PrefetchHits + sum.PrefetchWaste > 0)
        {
            rows.Add(("prefetch", With(sum.PrefetchHits + sum.PrefetchWaste, (sum.PrefetchHits, "hits"), (sum.PrefetchWaste, "waste"))));
        }

        rows.Add(("copied", Sizes.Format((ulong)sum.CopiedBytes)));
        rows.Add(("resident", sum.TotalBytes == 0 ? "nobody is served now" : $"{Sizes.Format((ulong)sum.ResidentBytes)} of the {Sizes.Format((ulong)sum.TotalBytes)} that clients have now{(sum.PendingPages > 0 ? $"; {Figures.Exact(sum.PendingPages)} pages to come" : "")}"));
        string trouble = Parts((sum.PoisonedPages, "pages POISONED"), (sum.SourceFailures, "failed reads"), (sum.SourceRetries, "reads tried again"), (sum.Retries, "fills tried again (EAGAIN)"), (sum.AlreadyPresent, "fills of present pages (EEXIST)"));
        rows.Add(("trouble", trouble.Length == 0 ? "none" : trouble));
        string followed = Parts((sum.Events, "events"), (sum.RemovedPages, "pages discarded"));
        if (followed.Length > 0)
        {
            rows.Add(("followed", followed));
        }

        return rows;
    }

    private static string With(long all, params ReadOnlySpan<(long Count, string Name)> parts)
    {
        string text = Parts(parts);
        int kinds = 0;
        foreach ((long count, _) in parts)
        {
            kinds += count > 0 ? 1 : 0;
        }

        return kinds == 0 ? Figures.Exact(all)
            : kinds == 1 && text.StartsWith($"{Figures.Exact(all)} ", StringComparison.Ordinal) ? text
            : $"{Figures.Exact(all)}: {text}";
    }

    private static string Parts(params ReadOnlySpan<(long Count, string Name)> parts)
    {
        var texts = new List<string>();
        foreach ((long count, string name) in parts)
        {
            if (count > 0)
            {
                texts.Add($"{Figures.Exact(count)} {name}");
            }
        }

        return string.Join(", ", texts);
    }

    private static string Latency(LatencyHistogram latency, string what) => latency.Count == 0
        ? "-"
        : $"{what}: p50 {Figures.Duration(latency.Percentile(0.5))}, p99 {Figures.Duration(latency.Percentile(0.99))}, longest {Figures.Duration(latency.Percentile(1))}";
}
