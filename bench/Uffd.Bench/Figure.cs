namespace Uffd.Bench;

/// <summary>
/// One thing measured on both sides, round by round. A ratio is the pager's cost over the baseline's: below 1 the
/// pager is faster, for times and for rates alike.
/// </summary>
internal sealed record Figure(
    string Work, string Placement, string Baseline, string Unit, double[] BaselineRounds, double[] PagerRounds,
    double? Target)
{
    public double BaselineMedian => Median(BaselineRounds);

    public double PagerMedian => Median(PagerRounds);

    /// <summary>
    /// The ratios within single rounds. Their median is the figure's ratio, and not the ratio of the two medians: on a
    /// machine that has a fast and a slow mood, each side's median falls into one or the other by chance, while the two
    /// runs of a round stand next to each other in time.
    /// </summary>
    public double[] RoundRatios { get; } = [.. BaselineRounds.Zip(PagerRounds, (baseline, pager) =>
        Unit.EndsWith("/s", StringComparison.Ordinal) ? baseline / pager : pager / baseline)];

    public double Ratio => Median(RoundRatios);

    /// <summary>Half of the rounds' ratios lie within: how far apart it is says how much the machine's noise weighs.</summary>
    public (double Low, double High) MiddleHalf
    {
        get
        {
            double[] sorted = [.. RoundRatios.Order()];
            var quarter = sorted.Length / 4;
            return (sorted[quarter], sorted[^(quarter + 1)]);
        }
    }

    public bool? Ok => Target is { } target ? Ratio <= target : null;

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
