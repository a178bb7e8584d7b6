using System.Globalization;
using Uffd.Daemon;
using Uffd.Paging;

namespace Uffd.Tool.Output;

/// <summary>
/// A daemon's status as the cells of a table, and as plain text. With an earlier sample the columns that grow are rates, and the
/// latencies those of the time between; without one they are of all the time.
/// </summary>
internal static class StatusText
{
    private const double MiB = 1 << 20;
    private const int Gap = 2; // between columns, and at the ends of a table that is drawn

    private static readonly Column[] Columns =
    [
        new("#", row => row.Client, IsText: true, Drop: 1),
        new("pid", row => row.ProcessId),
        new("name", row => row.Name, IsText: true, Drop: 4),
        new("size", row => Sizes.Format((ulong)row.Now.TotalBytes), Drop: 6),
        new("resident", row => row.Now.TotalBytes == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(100.0 * row.Now.ResidentBytes / row.Now.TotalBytes):0} %")),
        new("faults", row => row.IsRate ? null : Figures.Short(row.Now.Faults)),
        new("faults/s", row => row.IsRate ? Figures.Short(row.PerSecond(sum => sum.Faults)) : null),
        new("fill p50", row => Figures.Duration(row.Fill.Percentile(0.5)), Drop: 5),
        new("fill p99", row => Figures.Duration(row.Fill.Percentile(0.99))),
        new("demand", row => Figures.Short(row.Now.DemandPages), Drop: 2),
        new("background", row => Figures.Short(row.Now.BackgroundPages), Drop: 3),
        new("replay", row => Sometimes(row.Now.ReplayedPages)),
        new("ahead", row => Sometimes(row.Now.ReadAheadPages)),
        new("retries", row => Sometimes(row.Now.Retries + row.Now.SourceRetries)),
        new("POISONED", row => Sometimes(row.Now.PoisonedPages)),
        new("MiB", row => row.IsRate ? null : Figures.Short(row.Now.CopiedBytes / MiB)),
        new("MiB/s", row => row.IsRate ? Figures.Short(row.PerSecond(sum => sum.CopiedBytes) / MiB) : null),
    ];

    /// <summary>The daemon in a line.</summary>
    public static string Headline(DaemonStatus status) => string.Create(
        CultureInfo.InvariantCulture,
        $"uffd serve, pid {status.ProcessId}, {Figures.Span(status.Seconds)}, {Sizes.Format(status.ImageBytes)}; clients: {status.ClientCount} of {status.MaxClients}, {status.AttachedCount} so far, {status.RefusedCount} refused");

    /// <summary>The table: columns that say nothing of any client are left out.</summary>
    /// <param name="now">The sample.</param>
    /// <param name="before">An earlier one of the same daemon, or null.</param>
    /// <param name="most">The most clients to show: the busiest, in the order they came.</param>
    /// <param name="width">Characters that there are in a line: columns that do not fit are left out, the least telling first.</param>
    public static StatusTable Table(DaemonStatus now, DaemonStatus? before = null, int most = int.MaxValue, int width = int.MaxValue)
    {
        double seconds = before is null ? 0 : Math.Max(1e-3, now.Seconds - before.Seconds);
        Dictionary<int, AddressSpaceStatistics> earlier = before?.Clients.ToDictionary(client => client.Number, client => client.Counts) ?? [];
        Row[] clients = [.. now.Clients.Select(client => new Row(
            client.Number.ToString(CultureInfo.InvariantCulture),
            client.ProcessId.ToString(CultureInfo.InvariantCulture),
            client.Name,
            client.Counts,
            before is null ? null : earlier.GetValueOrDefault(client.Number) ?? new AddressSpaceStatistics(), // new since: all of it is
            seconds))];
        if (clients.Length > most)
        {
            HashSet<Row> busiest = [.. clients.OrderByDescending(row => row.IsRate ? row.PerSecond(sum => sum.Faults) : row.Now.Faults).Take(most)];
            clients = [.. clients.Where(busiest.Contains)];
        }

        var totals = new Row("", "all", now.ClientCount > clients.Length ? $"{now.ClientCount - clients.Length} not shown" : "", now.Totals, before?.Totals, seconds);
        Row[] rows = [.. clients, totals];
        List<Column> columns = [.. Columns.Where(column => rows.Any(row => !string.IsNullOrEmpty(column.Cell(row))))];
        while (columns.Sum(column => Gap + rows.Max(row => Math.Max(column.Name.Length, column.Cell(row)?.Length ?? 0))) + Gap > width
            && columns.Where(column => column.Drop > 0).MinBy(column => column.Drop) is { } least)
        {
            columns.Remove(least);
        }

        return new StatusTable(
            [.. columns.Select(column => new StatusColumn(column.Name, column.IsText))],
            [.. clients.Select(row => Cells(columns, row))],
            Cells(columns, totals));
    }

    /// <summary>One sample for a pipe.</summary>
    public static void Write(DaemonStatus status, TextWriter output)
    {
        output.WriteLine(Headline(status));
        StatusTable table = Table(status);
        IReadOnlyList<string>[] rows = [[.. table.Columns.Select(column => column.Name)], .. table.Clients, table.Totals];
        int[] widths = [.. table.Columns.Select((_, index) => rows.Max(row => row[index].Length))];
        output.WriteLine();
        foreach (IReadOnlyList<string> row in rows)
        {
            output.WriteLine(string.Join("  ", row.Select((cell, index) => table.Columns[index].IsText ? cell.PadRight(widths[index]) : cell.PadLeft(widths[index]))).TrimEnd());
        }

        output.WriteLine();
        foreach ((string name, string value) in NumbersText.Rows(status.Totals))
        {
            output.WriteLine($"{name,-10}  {value}");
        }
    }

    private static string[] Cells(List<Column> columns, Row row) => [.. columns.Select(column => column.Cell(row) ?? "")];

    private static string? Sometimes(long count) => count == 0 ? null : Figures.Short(count);

    private sealed record Column(string Name, Func<Row, string?> Cell, bool IsText = false, int Drop = 0);

    private sealed record Row(string Client, string ProcessId, string Name, AddressSpaceStatistics Now, AddressSpaceStatistics? Before, double Seconds)
    {
        public bool IsRate => Before is not null;

        public LatencyHistogram Fill => Now.FillLatency.Since(Before?.FillLatency);

        public double PerSecond(Func<AddressSpaceStatistics, long> count) => Math.Max(0, count(Now) - count(Before!)) / Seconds;
    }
}

/// <summary>A status in cells.</summary>
/// <param name="Columns">The columns.</param>
/// <param name="Clients">A row for each client.</param>
/// <param name="Totals">The row of all of them.</param>
internal sealed record StatusTable(IReadOnlyList<StatusColumn> Columns, IReadOnlyList<IReadOnlyList<string>> Clients, IReadOnlyList<string> Totals);

/// <summary>A column: numbers stand at its right, text at its left.</summary>
internal sealed record StatusColumn(string Name, bool IsText);
