using System.Globalization;
using Uffd.Daemon;
using Uffd.Migration;
using Uffd.Paging;
using Uffd.Tool.Migrate;

namespace Uffd.Tool.Output;

/// <summary>The progress and the result of <c>uffd demo migrate</c> in words.</summary>
internal static class MigrateText
{
    /// <summary>A mode, as it is typed.</summary>
    public static string Name(MigrateMode mode) => mode switch
    {
        MigrateMode.PreCopy => "precopy",
        MigrateMode.PostCopy => "postcopy",
        _ => "hybrid",
    };

    /// <summary>Name and value of each row.</summary>
    public static IReadOnlyList<(string Name, string Value)> Rows(MigrateResult found) =>
    [
        ("store", $"{Sizes.Format(found.Options.Bytes)}, {Figures.Exact(found.Keys)} keys"),
        ("moved", Invariant($"{Name(found.Options.Mode)}: {Sizes.Format(found.Summary.Progress.MovedBytes)} in {Milliseconds(found.Total)}, {Rounds(found.Summary)}")),
        ("downtime", Milliseconds(found.Summary.Downtime)),
        ("faults in post-copy", $"{Figures.Exact(found.Faults)} requests waited for a page"),
        ("latency before", Latency(found.Load.Before)),
        ("latency during", Latency(found.Load.During)),
        ("latency after", Latency(found.Load.After)),
        ("requests", $"{Figures.Exact(found.Load.Requests)}, of them {Figures.Exact(found.Load.Writes)} writes that were acknowledged"),
        ("lost writes", Figures.Exact(found.Load.LostWrites)),
        ("verified", found.Verified ? "every acknowledged write is at the destination" : "NO: an acknowledged write is not at the destination"),
    ];

    /// <summary>The same for a destination.</summary>
    public static IReadOnlyList<(string Name, string Value)> Rows(MigrateReceived found) =>
    [
        ("moved here", Milliseconds(found.Summary.Progress.Elapsed)),
        ("start at the switch", Milliseconds(found.Summary.Downtime)),
        ("faults in post-copy", $"{Figures.Exact(found.Faults)} requests waited for a page"),
    ];

    public static void Write(IReadOnlyList<(string Name, string Value)> rows, TextWriter output)
    {
        foreach ((string name, string value) in rows)
        {
            output.WriteLine($"{name,-19}  {value}");
        }
    }

    /// <summary>What is being done.</summary>
    public static string Describe(MigrateMoment moment) => moment switch
    {
        { Step: MigrateStep.Fill } => "filling a store",
        { Step: MigrateStep.Before } => "using it here",
        { Step: MigrateStep.Move, Progress: { } progress } => Describe(progress),
        { Step: MigrateStep.Move } => "moving it",
        { Step: MigrateStep.After } => "using it there",
        _ => "looking for every write",
    };

    /// <summary>How far a migration is: phase, rate, what is left, faults.</summary>
    public static string Describe(MigrationProgress progress)
        => Invariant($"{Phase(progress)}: {Sizes.Format((ulong)progress.BytesPerSecond)}/s, {Sizes.Format(progress.LeftBytes)} left, {Figures.Short(progress.Faults)} faults");

    private static string Phase(MigrationProgress progress) => progress.Phase switch
    {
        MigrationPhase.Connecting => "connecting",
        MigrationPhase.PreCopy => Invariant($"pre-copy, round {progress.Round}"),
        MigrationPhase.Switching => "switching",
        MigrationPhase.PostCopy => "post-copy",
        MigrationPhase.Failed => "failed",
        _ => "moved",
    };

    private static string Rounds(MigrationSummary summary)
        => summary.Progress.Round == 0 ? "all of it when it was used there already"
            : Invariant($"{summary.Progress.Round} {(summary.Progress.Round == 1 ? "round" : "rounds")}{(summary.WasPostCopy ? ", the rest when it was used there already" : "")}");

    private static string Latency(LatencyHistogram found)
        => $"p50 {Figures.Duration(found.Percentile(0.5))}, p99 {Figures.Duration(found.Percentile(0.99))}, p99.9 {Figures.Duration(found.Percentile(0.999))}";

    private static string Milliseconds(TimeSpan time) => Invariant($"{time.TotalMilliseconds:0.0} ms");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
