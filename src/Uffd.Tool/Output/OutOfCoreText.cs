using System.Globalization;
using Uffd.Daemon;
using Uffd.Tool.OutOfCore;

namespace Uffd.Tool.Output;

/// <summary>What came out of <c>uffd demo outofcore</c>, in words: the rows of the table, also as plain text.</summary>
internal static class OutOfCoreText
{
    /// <summary>Name and value of each row.</summary>
    public static IReadOnlyList<(string Name, string Value)> Rows(OutOfCoreResult found) =>
    [
        ("file", $"{Sizes.Format((ulong)found.FileBytes)}, {Figures.Exact(found.FileBytes / Records.Size)} records"),
        ("memory", Invariant($"at most {Sizes.Format(found.Region.MemoryLimit)} of it ({found.Region.MemoryLimit / (double)found.FileBytes:0.#%}); at the end {Sizes.Format(found.Region.ResidentBytes)}, {Sizes.Format(found.Region.DirtyBytes)} not saved yet")),
        ("work", $"{Figures.Exact(found.Reads)} records read, {Figures.Exact(found.Writes)} written, by {RecordWork.Threads} threads"),
        ("found in memory", Invariant($"{found.HitRate:0.0%}; {Figures.Exact(found.Region.Misses)} had to wait for their page")),
        ("store", Invariant($"{Sizes.Format(found.Region.ReadBytes)} read, {Sizes.Format(found.Region.WrittenBytes)} written back{(found.IsDirect ? ", past the page cache" : "")}")),
        ("time, this memory", Invariant($"{found.Seconds:0.00} s, all of it durable")),
        ("time, mmap", Invariant($"{found.Mapped.Seconds:0.00} s, the same work{(found.Mapped.IsLimited ? " with the same limit" : "")}: {Comparison(found)}")),
        ("verified", found.Verified ? "every record, in the file opened anew" : "NO: a record was not what was written"),
    ];

    public static void Write(OutOfCoreResult found, TextWriter output)
    {
        foreach ((string name, string value) in Rows(found))
        {
            output.WriteLine($"{name,-17}  {value}");
        }
    }

    /// <summary>How the two compare, or why they do not.</summary>
    private static string Comparison(OutOfCoreResult found) => found switch
    {
        { Ratio: { } ratio and < 1 } => Invariant($"{1 / ratio:0.0} times as long"),
        { Ratio: { } ratio } => Invariant($"{100 / ratio:0} % of that"),
        { Mapped.IsLimited: false } => "without a limit, for this user may not set one: not comparable",
        _ => "this memory's file went through the page cache, which has no limit: not comparable",
    };

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
