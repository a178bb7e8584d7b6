namespace Uffd.Bench;

/// <summary>
/// One thing measured on both sides, round by round. The ratio is the pager's cost over the baseline's: below 1 the
/// pager is faster, for times and for rates alike.
/// </summary>
internal sealed record Figure(
    string Work, string Placement, string Baseline, string Unit, double[] BaselineRounds, double[] PagerRounds,
    double? Target)
{
    public double BaselineMedian => Median(BaselineRounds);

    public double PagerMedian => Median(PagerRounds);

    public double Ratio => Cost(BaselineMedian, PagerMedian);

    /// <summary>The ratios within single rounds: how far they lie apart says how much the machine's noise weighs.</summary>
    public double[] RoundRatios => [.. BaselineRounds.Zip(PagerRounds, Cost)];

    public bool? Ok => Target is { } target ? Ratio <= target : null;

    private bool MoreIsBetter => Unit.EndsWith("/s", StringComparison.Ordinal);

    private double Cost(double baseline, double pager) => MoreIsBetter ? baseline / pager : pager / baseline;

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
