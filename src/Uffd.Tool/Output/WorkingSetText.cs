using System.Globalization;
using Uffd.Daemon;
using Uffd.Paging;

namespace Uffd.Tool.Output;

/// <summary>A working set in words, and its plot, as plain text.</summary>
internal static class WorkingSetText
{
    private const string Shades = " .:-=+*#@";

    /// <summary>Name and value of each row.</summary>
    public static IReadOnlyList<(string Name, string Value)> Rows(WorkingSet set, WorkingSetFormat format)
    {
        IReadOnlyList<SourceRange> sorted = set.Coalesce();
        ulong imagePages = set.ImageLength == 0 ? 0 : ((set.ImageLength - 1) / set.PageSize) + 1;
        return
        [
            ("format", format == WorkingSetFormat.Uffd ? "uffd" : "a trace of vHive"),
            ("image", set.ImageLength == 0 ? "of unknown length" : $"{Sizes.Format(set.ImageLength)}, {Number(imagePages)} pages"),
            ("pages", string.Create(CultureInfo.InvariantCulture, $"{Number(set.TotalPages)} of {Sizes.Format(set.PageSize)}, {Sizes.Format(set.TotalBytes)}{(imagePages == 0 ? "" : $", {100.0 * set.TotalPages / imagePages:0.0} % of the image")}")),
            ("runs", sorted.Count == 0 ? "0" : $"{Number((ulong)set.Runs.Count)} in order of touch; {Number((ulong)sorted.Count)} in order of offset, the longest {Sizes.Format(sorted.Max(run => run.Length))}"),
            ("order", set.Runs.Count == 0 ? "nothing was touched" : string.Create(CultureInfo.InvariantCulture, $"{100 * SequentialShare(set):0.0} % of the pages came right behind the one touched before; first {string.Join(", ", set.Runs.Take(4).Select(run => $"0x{run.Offset:x}"))}")),
        ];
    }

    /// <summary>How many pages lie right behind the one that was touched before, from 0 to 1.</summary>
    public static double SequentialShare(WorkingSet set)
        => set.TotalPages == 0 ? 0 : (set.TotalPages - (ulong)set.Runs.Count) / (double)set.TotalPages;

    /// <summary>What stands before a row of the plot.</summary>
    public static string Label(int row) => row switch
    {
        0 => "touched first",
        WorkingSetPlot.Rows - 1 => "touched last",
        _ => "",
    };

    public static void Write(WorkingSet set, WorkingSetFormat format, TextWriter output)
    {
        foreach ((string name, string value) in Rows(set, format))
        {
            output.WriteLine($"{name,-8}  {value}");
        }

        var plot = new WorkingSetPlot(set);
        output.WriteLine();
        output.WriteLine($"{"",13}  0{Sizes.Format(plot.Width).PadLeft(WorkingSetPlot.Columns + 1)}");
        for (int row = 0; row < WorkingSetPlot.Rows; row++)
        {
            string cells = string.Concat(Enumerable.Range(0, WorkingSetPlot.Columns).Select(column => Shades[(int)Math.Ceiling(plot.ShareOf(row, column) * (Shades.Length - 1))]));
            output.WriteLine($"{Label(row),-13}  |{cells}|");
        }
    }

    private static string Number(ulong number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
