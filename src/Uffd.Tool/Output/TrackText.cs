using System.Globalization;
using Uffd.Daemon;
using Uffd.Processes;
using Uffd.Snapshots;

namespace Uffd.Tool.Output;

/// <summary>What a process writes, in lines and cells.</summary>
internal static class TrackText
{
    private const string Shades = " .:-=+*#@";
    private const int MapRows = 16;
    private const int MapColumns = 64;

    /// <summary>The columns of the table; all but the first and the last are numbers.</summary>
    public static IReadOnlyList<string> Columns { get; } = ["address", "size", "resident", "written/s", "share", "set", "name"];

    /// <summary>Whether a column holds numbers.</summary>
    public static bool IsNumber(int column) => column > 0 && column < Columns.Count - 1;

    /// <summary>A sample in a line.</summary>
    public static string Headline(TrackHistory history, int processId, TimeSpan attachPause)
    {
        DirtySample sample = history.Latest!;
        ulong written = Written(sample);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"pid {processId}, {Figures.Span(history.Elapsed.TotalSeconds)}: {Rate(written, sample.Interval)} written, {Figures.Short(written / (double)Environment.SystemPageSize / Seconds(sample.Interval))} pages/s; attach stop {SnapshotText.Time(attachPause)}");
    }

    /// <summary>The rows: the mappings that write most, or else have most in memory, in order of address.</summary>
    /// <param name="history">The samples.</param>
    /// <param name="most">How many rows.</param>
    public static IReadOnlyList<IReadOnlyList<string>> Rows(TrackHistory history, int most = int.MaxValue)
    {
        DirtySample sample = history.Latest!;
        (DirtyMapping Mapping, ulong Set)[] all = [.. sample.Mappings.Select(mapping => (mapping, history.WorkingSetOf(mapping.Mapping)))];
        return [.. all
            .OrderByDescending(row => row.Mapping.WrittenBytes)
            .ThenByDescending(row => row.Set)
            .ThenByDescending(row => row.Mapping.ResidentBytes)
            .Take(most)
            .OrderBy(row => row.Mapping.Mapping.Range.Start)
            .Select(row => Cells(row.Mapping, row.Set, sample.Interval))];
    }

    /// <summary>The sum of all mappings, shown or not.</summary>
    public static IReadOnlyList<string> Total(TrackHistory history)
    {
        DirtySample sample = history.Latest!;
        ulong resident = sample.Mappings.Aggregate(0UL, (sum, mapping) => sum + mapping.ResidentBytes);
        ulong set = sample.Mappings.Aggregate(0UL, (sum, mapping) => sum + history.WorkingSetOf(mapping.Mapping));
        ulong size = sample.Mappings.Aggregate(0UL, (sum, mapping) => sum + mapping.Mapping.Range.Length);
        ulong written = Written(sample);
        return ["all", Sizes.Format(size), Sizes.Format(resident), Rate(written, sample.Interval), Share(written, resident), Sizes.Format(set), string.Create(CultureInfo.InvariantCulture, $"{sample.Mappings.Count} mappings")];
    }

    /// <summary>A sample for a pipe: the mappings that were written, and all in one line.</summary>
    public static void Write(TrackHistory history, int processId, TimeSpan attachPause, TextWriter output)
    {
        output.WriteLine(Headline(history, processId, attachPause));
        int busy = history.Latest!.Mappings.Count(mapping => mapping.Written.Count > 0);
        IReadOnlyList<string>[] rows = [Columns, .. Rows(history, busy), Total(history)];
        int[] widths = [.. Columns.Select((_, column) => rows.Max(row => row[column].Length))];
        foreach (IReadOnlyList<string> row in rows)
        {
            output.WriteLine($"  {string.Join("  ", row.Select((cell, column) => IsNumber(column) ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]))).TrimEnd()}");
        }
    }

    /// <summary>The map for a pipe.</summary>
    public static void WriteMap(TrackHistory history, TextWriter output)
    {
        TrackHeat heat = history.Heat(MapRows, MapColumns);
        output.WriteLine("share written, by address (down) and sample (across):");
        for (int row = 0; row < heat.Labels.Count; row++)
        {
            output.WriteLine($"  {heat.Labels[row]}  |{string.Concat(Enumerable.Range(0, heat.Columns).Select(column => Shades[heat.LevelOf(row, column)]))}|");
        }
    }

    /// <summary>All that was written.</summary>
    public static ulong Written(DirtySample sample) => sample.Mappings.Aggregate(0UL, (sum, mapping) => sum + mapping.WrittenBytes);

    /// <summary>The name of a mapping, or what it is.</summary>
    public static string NameOf(MappedRegion mapping)
        => mapping.Name.Length > 0 ? InspectNames.Show(mapping.Name) : "(anonymous)";

    private static string[] Cells(DirtyMapping mapping, ulong set, TimeSpan interval) =>
    [
        mapping.Mapping.Range.Start.ToString("x12", CultureInfo.InvariantCulture),
        Sizes.Format(mapping.Mapping.Range.Length),
        Sizes.Format(mapping.ResidentBytes),
        mapping.Written.Count == 0 ? "-" : Rate(mapping.WrittenBytes, interval),
        mapping.Written.Count == 0 ? "-" : Share(mapping.WrittenBytes, mapping.ResidentBytes),
        set == 0 ? "-" : Sizes.Format(set),
        NameOf(mapping.Mapping),
    ];

    private static string Rate(ulong bytes, TimeSpan interval) => $"{Sizes.Format((ulong)(bytes / Seconds(interval)))}/s";

    private static string Share(ulong written, ulong resident)
    {
        double percent = resident == 0 ? 0 : Math.Min(100, 100.0 * written / resident);
        return resident == 0 ? "-" : $"{percent.ToString(percent < 9.95 ? "0.0" : "0", CultureInfo.InvariantCulture)} %";
    }

    private static double Seconds(TimeSpan interval) => Math.Max(1e-6, interval.TotalSeconds);
}
