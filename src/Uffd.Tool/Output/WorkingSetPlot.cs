using Uffd.Paging;

namespace Uffd.Tool.Output;

/// <summary>Where in the image, and when, the pages of a working set were touched: counts on a grid.</summary>
internal sealed class WorkingSetPlot
{
    /// <summary>Parts of the image.</summary>
    public const int Columns = 64;

    /// <summary>Parts of the order: an eighth of the pages each.</summary>
    public const int Rows = 8;

    private readonly ulong _pages;
    private readonly ulong _imagePages;

    public WorkingSetPlot(WorkingSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        ulong end = set.Runs.Count == 0 ? 0 : set.Runs.Max(run => run.End);
        Width = Math.Max(end, set.ImageLength);
        _pages = set.TotalPages;
        _imagePages = Math.Max(1, ((Width - Math.Min(Width, 1)) / set.PageSize) + 1);
        ulong touched = 0;
        foreach (SourceRange run in set.Runs)
        {
            Add(run.Offset / set.PageSize, run.Length / set.PageSize, ref touched);
        }
    }

    /// <summary>Bytes that all columns together stand for: the image, or as far as is known of it.</summary>
    public ulong Width { get; }

    /// <summary>Pages, by row (order) and column (place).</summary>
    public long[][] Counts { get; } = [.. Enumerable.Range(0, Rows).Select(_ => new long[Columns])];

    /// <summary>How full each cell is, from 0 to 1 as the fullest.</summary>
    public double ShareOf(int row, int column) => Counts[row][column] / (double)Math.Max(1, Counts.Max(one => one.Max()));

    /// <summary>Cell by cell: a run may have more pages than anyone could count one by one.</summary>
    private void Add(ulong page, ulong count, ref ulong touched)
    {
        while (count > 0)
        {
            int row = CellOf(touched, _pages, Rows);
            int column = CellOf(page, _imagePages, Columns);
            ulong step = Math.Min(count, Math.Min(EndOf(row, _pages, Rows) - touched, EndOf(column, _imagePages, Columns) - page));
            Counts[row][column] += (long)step;
            page += step;
            touched += step;
            count -= step;
        }
    }

    private static int CellOf(ulong index, ulong total, int cells) => (int)((UInt128)index * (ulong)cells / total);

    /// <returns>The first index behind the cell.</returns>
    private static ulong EndOf(int cell, ulong total, int cells) => (ulong)((((UInt128)(cell + 1) * total) + (ulong)(cells - 1)) / (ulong)cells);
}
