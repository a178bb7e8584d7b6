namespace Uffd.Bench;

/// <summary>One thing that was measured of migrations, beside what it is compared with, round by round.</summary>
/// <param name="Work">What it is.</param>
/// <param name="Baseline">What it is compared with.</param>
/// <param name="Unit">Of both.</param>
/// <param name="BaselineRounds">Of what it is compared with.</param>
/// <param name="UffdRounds">Of the migration.</param>
/// <param name="Target">What the ratio must not be above, or below; null where nothing is promised.</param>
/// <param name="IsAtLeast">Whether the target is the lowest ratio, and not the highest.</param>
internal sealed record MigrationFigure(string Work, string Baseline, string Unit, double[] BaselineRounds, double[] UffdRounds, double? Target, bool IsAtLeast)
{
    public double BaselineMedian => Median(BaselineRounds);

    public double UffdMedian => Median(UffdRounds);

    /// <summary>The ratios within single rounds, which stand next to each other in time: <see cref="Figure.RoundRatios"/>.</summary>
    public double[] RoundRatios { get; } = [.. BaselineRounds.Zip(UffdRounds, (baseline, uffd) => uffd / baseline)];

    public double Ratio => Median(RoundRatios);

    public (double Low, double High) All => (RoundRatios.Min(), RoundRatios.Max());

    public bool? Ok => Target is { } target ? (IsAtLeast ? Ratio >= target : Ratio <= target) : null;

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
