using System.Globalization;
using Uffd.Daemon;
using Uffd.Snapshots;

namespace Uffd.Tool.Output;

/// <summary>A snapshot's progress and result in words.</summary>
internal static class SnapshotText
{
    private const int RoundsShown = 6;

    /// <summary>Name and value of each row of the table at the end.</summary>
    public static IReadOnlyList<(string Name, string Value)> Rows(SnapshotReport report, string path, string format)
    {
        double seconds = Math.Max(report.Duration.TotalSeconds, 1e-6);
        var rows = new List<(string Name, string Value)>
        {
            ("file", $"{InspectNames.Show(path)} ({format}), {Sizes.Format((ulong)report.FileBytes)}"),
            ("attach stop", report.AttachPause == TimeSpan.Zero ? "none: no userfaultfd was taken" : $"{Time(report.AttachPause)}, one thread"),
            ("last stop", string.Create(CultureInfo.InvariantCulture, $"{Time(report.FinalPause)}, {report.Threads} {(report.Threads == 1 ? "thread" : "threads")}")),
        };
        if (report.LongestThrottlePause > TimeSpan.Zero)
        {
            rows.Add(("slowed down", $"by stops of up to {Time(report.LongestThrottlePause)}"));
        }

        rows.Add(("rounds", string.Create(CultureInfo.InvariantCulture, $"{report.Rounds.Count}: {RoundPages(report.Rounds)} pages")));
        rows.Add(("bytes", $"{Sizes.Format((ulong)report.CopiedBytes)} copied, for {Figures.Exact(report.Pages)} pages with content"));
        rows.Add(("seconds", report.Duration.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture)));
        rows.Add(("throughput", $"{Sizes.Format((ulong)(report.CopiedBytes / seconds))}/s"));
        return rows;
    }

    /// <summary>The table as plain text.</summary>
    public static void Write(SnapshotReport report, string path, string format, TextWriter output)
    {
        foreach ((string name, string value) in Rows(report, path, format))
        {
            output.WriteLine($"{name,-11}  {value}");
        }
    }

    /// <summary>A line for a pipe, once for each round and phase.</summary>
    public static string Line(in SnapshotProgress progress) => progress.Phase switch
    {
        SnapshotPhase.Attaching => "attaching",
        SnapshotPhase.Writing => string.Create(CultureInfo.InvariantCulture, $"{Figures.Span(progress.Elapsed.TotalSeconds)}: the process runs on; writing out the rest"),
        _ => string.Create(
            CultureInfo.InvariantCulture,
            $"{Figures.Span(progress.Elapsed.TotalSeconds)}: round {progress.Round}{(IsKnown(progress) ? $", {Figures.Exact(progress.RoundPages)} pages" : "")}{Dirty(progress)}{(progress.Phase == SnapshotPhase.Throttling ? ", slowed down" : "")}"),
    };

    /// <summary>What stands beside the bar: at most 44 characters.</summary>
    public static string Describe(in SnapshotProgress progress) => progress.Phase switch
    {
        SnapshotPhase.Attaching => "attaching",
        SnapshotPhase.Writing => $"writing, {Sizes.Format((ulong)progress.CopiedBytes)} copied",
        _ => string.Create(
            CultureInfo.InvariantCulture,
            $"{(progress.Phase == SnapshotPhase.Throttling ? "slow " : "")}round {progress.Round}: {(IsKnown(progress) ? $"{Figures.Short(progress.PagesLeft)} left, " : "")}{Figures.Short(progress.DirtyPagesPerSecond)} dirty/s, {Sizes.Format((ulong)progress.CopiedBytes)}"),
    };

    /// <summary>How much of the round is done, from 0 to 1.</summary>
    public static double Share(in SnapshotProgress progress) => progress.Phase switch
    {
        SnapshotPhase.Attaching => 0,
        SnapshotPhase.Writing => 1,
        _ when !IsKnown(progress) => 0,
        _ => progress.RoundPages <= 0 ? 1 : Math.Clamp((progress.RoundPages - progress.PagesLeft) / (double)progress.RoundPages, 0, 1),
    };

    /// <summary>A stop: two digits behind the point where they tell something.</summary>
    public static string Time(TimeSpan time) => time.TotalSeconds >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.00} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0.00} ms");

    /// <summary>Before a round has looked at the process nobody knows how much it will be.</summary>
    private static bool IsKnown(in SnapshotProgress progress) => progress.RoundPages < long.MaxValue;

    private static string Dirty(in SnapshotProgress progress)
        => progress.DirtyPagesPerSecond > 0 ? $"; {Figures.Short(progress.DirtyPagesPerSecond)} pages written a second" : "";

    /// <summary>The first rounds and the last ones.</summary>
    private static string RoundPages(IReadOnlyList<SnapshotRound> rounds)
    {
        IEnumerable<string> pages = rounds.Select(round => Figures.Exact(round.Pages));
        return string.Join(", ", rounds.Count <= RoundsShown
            ? pages
            : pages.Take(RoundsShown / 2).Append("...").Concat(pages.TakeLast(RoundsShown / 2)));
    }
}
