namespace Uffd.Bench;

/// <summary>One thing that was measured of a snapshot, beside what it is compared with, round by round.</summary>
/// <param name="Work">What it is.</param>
/// <param name="Size">The Redis's memory, in bytes.</param>
/// <param name="Baseline">What it is compared with.</param>
/// <param name="Unit">Of both.</param>
/// <param name="BaselineRounds">Of what it is compared with.</param>
/// <param name="UffdRounds">Of the command.</param>
/// <param name="Target">What the ratio must not be above, or below; null where nothing is promised.</param>
/// <param name="IsAtLeast">Whether the target is the lowest ratio, and not the highest.</param>
internal sealed record SnapshotFigure(
    string Work, long Size, string Baseline, string Unit, double[] BaselineRounds, double[] UffdRounds, double? Target = null, bool IsAtLeast = false)
{
    public double BaselineMedian => Median(BaselineRounds);

    public double UffdMedian => Median(UffdRounds);

    /// <summary>The ratios within single rounds, which stand next to each other in time: <see cref="Figure.RoundRatios"/>.</summary>
    public double[] RoundRatios { get; } = [.. BaselineRounds.Zip(UffdRounds, (baseline, uffd) => uffd / baseline)];

    public double Ratio => Median(RoundRatios);

    public (double Low, double High) All => (RoundRatios.Min(), RoundRatios.Max());

    public bool? Ok => Target is { } target ? (IsAtLeast ? Ratio >= target : Ratio <= target) : null;

    /// <summary>The figures of a Redis.</summary>
    public static IEnumerable<SnapshotFigure> Of(long size, IReadOnlyList<SnapshotRoundMeasure> rounds)
    {
        const double Mebi = 1 << 20;
        const double OwnMemory = 200; // MiB, whatever the target's size
        yield return Make("last stop", "BGSAVE's fork", "ms", r => r.Bgsave.ForkMs, r => r.Uffd.LastStopMs, 0.1);
        yield return Make("last stop", "gcore's stop", "ms", r => r.Gcore.Writer.Longest / 1000, r => r.Uffd.LastStopMs, 0.002);
        yield return Make("last stop", "fork() in C", "ms", r => r.ForkMs, r => r.Uffd.LastStopMs);
        yield return Make("first stop (attaching)", "BGSAVE's fork", "ms", r => r.Bgsave.ForkMs, r => r.Uffd.AttachStopMs);
        yield return Make("writer's p99.9", "nothing beside it", "us", r => r.Alone.P999, r => r.Uffd.Writer.P999, 2);
        yield return Make("writer's p99.9", "BGSAVE beside it", "us", r => r.Bgsave.Writer.P999, r => r.Uffd.Writer.P999);
        yield return Make("writer's longest answer", "BGSAVE beside it", "us", r => r.Bgsave.Writer.Longest, r => r.Uffd.Writer.Longest);
        yield return Make("bytes a second of the whole", "gcore", "MB/s", r => r.Gcore.ResidentBefore / r.Gcore.Seconds / 1e6, r => r.Uffd.ResidentBefore / r.Uffd.Seconds / 1e6, 1)
            with
        { IsAtLeast = true };
        yield return Make("memory of the command", "what is allowed", "MiB", _ => OwnMemory, r => r.Uffd.PeakBytes / Mebi, 1);
        yield return Make("target's resident memory, at most", "before", "MiB", r => r.Uffd.ResidentBefore / Mebi, r => r.Uffd.ResidentPeak / Mebi, 1.01);

        SnapshotFigure Make(
            string work, string baseline, string unit, Func<SnapshotRoundMeasure, double> theirs, Func<SnapshotRoundMeasure, double> ours, double? target = null)
            => new(work, size, baseline, unit, [.. rounds.Select(theirs)], [.. rounds.Select(ours)], target);
    }

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
