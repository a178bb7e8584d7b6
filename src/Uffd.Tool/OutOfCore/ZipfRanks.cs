namespace Uffd.Tool.OutOfCore;

/// <summary>
/// Ranks as caches see them: the second is asked for half as often as the first, the third a third as often, and so on. The sums of the
/// series are its integral's, which is exact enough for what is drawn from it.
/// </summary>
internal sealed class ZipfRanks(long count)
{
    private readonly double _whole = Math.Log(count + 1);

    /// <summary>Draws one.</summary>
    /// <returns>From 0, the most frequent.</returns>
    public long Next(Random random) => Math.Clamp((long)Math.Exp(random.NextDouble() * _whole) - 1, 0, count - 1);
}
