namespace Uffd.Paging;

/// <summary>How a <see cref="RawPagedRegion"/> is paged.</summary>
public sealed record RawRegionOptions
{
    /// <summary>The least memory that a region can work with, in bytes.</summary>
    public const ulong SmallestMemoryLimit = 256 << 10;

    /// <summary>
    /// How much of the region may be in memory, in bytes, at least <see cref="SmallestMemoryLimit"/>. The page tables and the pager process
    /// come on top. Default: 256 MiB.
    /// </summary>
    public ulong MemoryLimit { get; init; } = 256UL << 20;

    /// <summary>Above this part of the limit pages begin to leave, before a fault must wait for one. Default: 0.95.</summary>
    public double HighWatermark { get; init; } = 0.95;

    /// <summary>Pages leave down to this part of the limit. Default: 0.90.</summary>
    public double LowWatermark { get; init; } = 0.90;

    /// <summary>The most that is brought at once for who reads in order, in bytes, up to 16 MiB; 0 for single pages. Default: 1 MiB.</summary>
    public ulong ReadAheadBytes { get; init; } = 1 << 20;

    /// <summary>How often a read or write of the store that failed is tried again before it counts as failed. Default: 3.</summary>
    public int Retries { get; init; } = 3;

    /// <summary>What becomes of what was written and not saved, when the region is disposed or its process ends. Default: it is saved.</summary>
    public RegionDisposal OnDispose { get; init; }

    /// <summary>
    /// What happens when a page cannot be read, after the retries. Default: it is poisoned: who touches it gets SIGBUS, which ends a .NET
    /// process. The other choice is to end the process at once.
    /// </summary>
    public FaultFailurePolicy OnReadFailure { get; init; }

    /// <summary>
    /// What happens when the pager process dies. What it had not saved then is in this process's memory only. Default: every page that is
    /// not in memory, and every write that would not be saved, is SIGBUS. The other choice is to end the process at once.
    /// </summary>
    public FaultFailurePolicy OnPagerDeath { get; init; }

    /// <summary>
    /// How far the region may grow beyond <see cref="MemoryLimit"/> while the store takes no writes, in bytes: what was written is kept.
    /// Default: 64 MiB.
    /// </summary>
    public ulong UnsavedBytes { get; init; } = 64 << 20;

    /// <summary>
    /// How long a missing page waits for room while the store takes no writes and all memory is taken by what was written; then it is
    /// poisoned. Default: 30 s.
    /// </summary>
    public TimeSpan UnsavedPatience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the pager process may take to start and to open the store. Default: 30 s.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long saving at the end may take, on disposal and after this process has died. Default: 60 s.</summary>
    public TimeSpan EndTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// The pager program: an assembly, or an executable file. Default: <c>Uffd.PagerProcess.dll</c> in the folder of this program.
    /// </summary>
    public string? PagerPath { get; init; }

    /// <summary>What is wrong with them, in one line, or null.</summary>
    internal string? FindFault()
        => MemoryLimit is < SmallestMemoryLimit or > long.MaxValue ? $"MemoryLimit must be at least {SmallestMemoryLimit} bytes, and is {MemoryLimit}"
            : !(LowWatermark > 0 && LowWatermark < HighWatermark && HighWatermark <= 1) ? $"the watermarks must lie between 0 and 1, the low one below the high one, and are {LowWatermark} and {HighWatermark}"
            : ReadAheadBytes > RawSettings.MostReadAheadBytes ? $"ReadAheadBytes must be at most {RawSettings.MostReadAheadBytes}, and is {ReadAheadBytes}"
            : Retries is < 0 or > 1000 ? $"Retries must be from 0 to 1000, and is {Retries}"
            : UnsavedBytes > long.MaxValue ? $"UnsavedBytes is {UnsavedBytes}, more than there can be"
            : !IsTime(UnsavedPatience) || !IsTime(StartTimeout) || !IsTime(EndTimeout) ? "UnsavedPatience, StartTimeout and EndTimeout must be above zero and at most a day"
            : !Enum.IsDefined(OnDispose) || !Enum.IsDefined(OnReadFailure) || !Enum.IsDefined(OnPagerDeath) ? "OnDispose, OnReadFailure or OnPagerDeath is no such choice"
            : null;

    private static bool IsTime(TimeSpan time) => time > TimeSpan.Zero && time <= TimeSpan.FromDays(1);
}
