namespace Uffd.Paging;

/// <summary>How a <see cref="RetryingPageSource"/> tries again.</summary>
public sealed record RetryOptions
{
    /// <summary>
    /// How often a read that failed is tried again, at least 0. The pager's own retries (<see cref="AddressSpaceOptions.SourceRetries"/>)
    /// come on top, each of them with all of these. Default: 3.
    /// </summary>
    public int Retries { get; init; } = 3;

    /// <summary>
    /// The longest pause before the first retry; each further one may be twice as long. The pause itself is any time from 0 to that,
    /// so that many who failed together do not come back together. Default: 50 ms.
    /// </summary>
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>What the pauses grow to, and no further. Default: 2 s.</summary>
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Whether to try again after an exception. Default: after all but those that come of wrong use (<see cref="ArgumentException"/>,
    /// <see cref="NotSupportedException"/>, <see cref="InvalidOperationException"/> and with it a disposed source).
    /// </summary>
    public Func<Exception, bool> IsTransient { get; init; }
        = exception => exception is not (ArgumentException or NotSupportedException or InvalidOperationException);

    /// <summary>What the pauses' lengths are drawn with. Default: another one each time.</summary>
    public ulong Seed { get; init; } = (ulong)Random.Shared.NextInt64();

    /// <summary>The clock. Default: the system's.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
