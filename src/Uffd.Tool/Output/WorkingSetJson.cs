using Uffd.Paging;

namespace Uffd.Tool.Output;

/// <summary>The object that <c>uffd workingset --json</c> prints. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record WorkingSetJson(
    string Format,
    ulong? ImageBytes,
    ulong PageSize,
    ulong Pages,
    ulong Bytes,
    long Runs,
    long SortedRuns,
    double SequentialShare,
    IReadOnlyList<IReadOnlyList<long>> Plot)
{
    /// <summary>Puts a set into this shape.</summary>
    public static WorkingSetJson From(WorkingSet set, WorkingSetFormat format) => new(
        format == WorkingSetFormat.Uffd ? "uffd" : "vhive",
        set.ImageLength == 0 ? null : set.ImageLength,
        set.PageSize,
        set.TotalPages,
        set.TotalBytes,
        set.Runs.Count,
        set.Coalesce().Count,
        Math.Round(WorkingSetText.SequentialShare(set), 4),
        new WorkingSetPlot(set).Counts);
}
