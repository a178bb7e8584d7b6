using System.Text.Json.Serialization;

namespace Uffd.Paging;

/// <summary>What of the options the pager process is told.</summary>
internal sealed record RawSettings
{
    public const long MostReadAheadBytes = 16 << 20;

    [JsonRequired]
    public ulong MemoryLimit { get; init; }

    public double HighWatermark { get; init; } = 0.95;

    public double LowWatermark { get; init; } = 0.90;

    public ulong ReadAheadBytes { get; init; } = 1 << 20;

    public int Retries { get; init; } = 3;

    public RegionDisposal OnDispose { get; init; }

    public FaultFailurePolicy OnReadFailure { get; init; }

    public FaultFailurePolicy OnPagerDeath { get; init; }

    public ulong UnsavedBytes { get; init; }

    public TimeSpan UnsavedPatience { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan EndTimeout { get; init; } = TimeSpan.FromSeconds(60);

    public static RawSettings Of(RawRegionOptions options) => new()
    {
        MemoryLimit = options.MemoryLimit,
        HighWatermark = options.HighWatermark,
        LowWatermark = options.LowWatermark,
        ReadAheadBytes = options.ReadAheadBytes,
        Retries = options.Retries,
        OnDispose = options.OnDispose,
        OnReadFailure = options.OnReadFailure,
        OnPagerDeath = options.OnPagerDeath,
        UnsavedBytes = options.UnsavedBytes,
        UnsavedPatience = options.UnsavedPatience,
        EndTimeout = options.EndTimeout,
    };

    /// <summary>What is wrong with them, in one line, or null: they have come over a socket.</summary>
    public string? FindFault() => new RawRegionOptions
    {
        MemoryLimit = MemoryLimit,
        HighWatermark = HighWatermark,
        LowWatermark = LowWatermark,
        ReadAheadBytes = ReadAheadBytes,
        Retries = Retries,
        OnDispose = OnDispose,
        OnReadFailure = OnReadFailure,
        OnPagerDeath = OnPagerDeath,
        UnsavedBytes = UnsavedBytes,
        UnsavedPatience = UnsavedPatience,
        EndTimeout = EndTimeout,
    }.FindFault();
}
