namespace Uffd.Paging;

/// <summary>Which reads of a <see cref="FaultyPageSource"/> fail: all for which one of these says so. By default none.</summary>
public sealed record FaultyOptions
{
    /// <summary>The share of reads that fail, from 0 to 1. Which ones, the seed tells: the n-th read of two runs has the same fate.</summary>
    public double Rate { get; init; }

    /// <summary>Bytes that cannot be had: a read of any of them fails, each time.</summary>
    public IReadOnlyCollection<SourceRange> Ranges { get; init; } = [];

    /// <summary>The numbers of reads that fail; the first read is 1.</summary>
    public IReadOnlyCollection<long> Reads { get; init; } = [];

    /// <summary>How long a read that fails takes to do so. Default: no time.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>What <see cref="Rate"/> is drawn with.</summary>
    public ulong Seed { get; init; }

    /// <summary>The clock. Default: the system's.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
