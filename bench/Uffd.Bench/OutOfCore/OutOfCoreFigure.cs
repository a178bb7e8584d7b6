namespace Uffd.Bench;

/// <summary>One thing measured on both sides, and what it should be.</summary>
/// <param name="Figure">The rounds. Its target is a ratio.</param>
/// <param name="Limit">The most that our side may take, in the figure's unit, where the target is no ratio; else null.</param>
internal sealed record OutOfCoreFigure(Figure Figure, double? Limit = null)
{
    public bool? Ok => Limit is { } limit ? Figure.PagerMedian <= limit : Figure.Ok;
}
