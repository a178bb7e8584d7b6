namespace Uffd.Migration;

/// <summary>A region, as the source announced it and as it has been checked.</summary>
/// <param name="Index">Its number in the migration, from 0.</param>
/// <param name="Name">What the source calls it; for people. Printable, at most 128 bytes of UTF-8.</param>
/// <param name="Length">Bytes; whole pages of 4096.</param>
public sealed record MigrationRegion(int Index, string Name, ulong Length);

/// <summary>How a <see cref="MigrationDestination"/> works.</summary>
public sealed record MigrationDestinationOptions
{
    /// <summary>
    /// Gives each region its landing, before anything of it comes. Where the workload is not started in the end, the destination disposes it; where it is, the landing is the workload's. May refuse by throwing an <see cref="IOException"/>, whose message the source is told.
    /// </summary>
    public required Func<MigrationRegion, IMigrationLanding> Land { get; init; }

    /// <summary>
    /// Starts the workload, with what the source's <see cref="IMigrationWorkload.PauseAsync"/> gave. Called once, at the switch, when every landing has switched. Downtime ends when it returns.
    /// When it throws, nothing of the workload may run here: the source is told, and the workload goes on there.
    /// </summary>
    public required Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> Start { get; init; }

    /// <summary>The bases that are here, by name. Default: none.</summary>
    public IReadOnlyList<MigrationBase> Bases { get; init; } = [];

    /// <summary>The most regions that a source may announce. Default: 200, which is the most that the protocol has.</summary>
    public int MaxRegions { get; init; } = 200;

    /// <summary>The most bytes that they may have together. Default: 16 TiB. A bit for each page is kept.</summary>
    public ulong MaxBytes { get; init; } = 16UL << 40;

    /// <summary>As <see cref="MigrationSourceOptions.StallTimeout"/>.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// How long to wait for <see cref="MigrationDestination.Resume"/> after the connection broke before the switch; then what came is dropped. After the switch it waits until
    /// <see cref="MigrationDestination.GiveUp"/>. Default: a minute.
    /// </summary>
    public TimeSpan ResumeTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How many bytes may be asked for ahead of their arrival, where nobody waits for them. Default: 64 MiB, which is 20 ms at 3 GB/s; with a single connection at most 1 MiB.</summary>
    public ulong WindowBytes { get; init; } = 64UL << 20;

    /// <summary>Told of what happens; called on the migration's threads, so it must be quick and not throw. Default: nobody.</summary>
    public Action<MigrationEvent>? Observer { get; init; }
}
