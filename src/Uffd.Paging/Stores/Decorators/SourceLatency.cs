namespace Uffd.Paging;

/// <summary>How long a <see cref="DelayedPageSource"/> takes: the same each time, or drawn from a distribution.</summary>
public sealed class SourceLatency
{
    private readonly Func<double, TimeSpan> _quantile;

    private SourceLatency(Func<double, TimeSpan> quantile) => _quantile = quantile;

    /// <summary>Always the same.</summary>
    /// <param name="time">How long, at least 0.</param>
    public static SourceLatency Fixed(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        return new SourceLatency(_ => time);
    }

    /// <summary>Any time between two, each as likely.</summary>
    /// <param name="shortest">At least 0.</param>
    /// <param name="longest">At least <paramref name="shortest"/>.</param>
    public static SourceLatency Uniform(TimeSpan shortest, TimeSpan longest)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shortest, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(longest, shortest);
        return new SourceLatency(share => shortest + ((longest - shortest) * share));
    }

    /// <summary>Mostly short, sometimes long, as of a network: never less than some time, and an exponential distribution on top.</summary>
    /// <param name="shortest">At least 0.</param>
    /// <param name="mean">The mean of all, at least <paramref name="shortest"/>.</param>
    public static SourceLatency Exponential(TimeSpan shortest, TimeSpan mean)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shortest, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(mean, shortest);
        return new SourceLatency(share => shortest + ((mean - shortest) * -Math.Log(1 - share)));
    }

    /// <summary>Any other distribution, as the times that were measured somewhere.</summary>
    /// <param name="quantile">The time that a share of reads does not exceed, for shares from 0 to below 1; below 0 is none.</param>
    public static SourceLatency FromQuantiles(Func<double, TimeSpan> quantile)
    {
        ArgumentNullException.ThrowIfNull(quantile);
        return new SourceLatency(quantile);
    }

    /// <summary>The time for a number from 0 to below 1.</summary>
    internal TimeSpan At(double share) => _quantile(share);
}
