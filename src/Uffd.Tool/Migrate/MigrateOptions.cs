using Uffd.Migration;
using Uffd.Paging;

namespace Uffd.Tool.Migrate;

/// <summary>How the store of the demo is moved.</summary>
internal enum MigrateMode
{
    /// <summary>By rounds while it is used; it stands for the last of them.</summary>
    PreCopy,

    /// <summary>It is used at the destination at once, and what is touched there is fetched.</summary>
    PostCopy,

    /// <summary>Some rounds, and the rest by post-copy.</summary>
    Hybrid,
}

/// <summary>How to run the demo of a service that moves.</summary>
/// <param name="Bytes">Of the store.</param>
/// <param name="Mode">How it moves.</param>
internal sealed record MigrateOptions(ulong Bytes, MigrateMode Mode)
{
    /// <summary>How long the client is watched before the store moves, and afterwards.</summary>
    public static readonly TimeSpan Watched = TimeSpan.FromSeconds(1);

    private const int HybridRounds = 2;

    /// <summary>How connections are made.</summary>
    public MigrationLinkOptions Links { get; init; } = new();

    /// <summary>Told what happens; on any thread.</summary>
    public Action<MigrateMoment> Tell { get; init; } = _ => { };

    /// <summary>The mode, as a migration understands it.</summary>
    public MigrationSourceOptions ToSourceOptions() => new()
    {
        MaxRounds = Mode switch
        {
            MigrateMode.PostCopy => 0,
            MigrateMode.Hybrid => HybridRounds,
            _ => new MigrationSourceOptions().MaxRounds,
        },
        NotConverging = Mode == MigrateMode.PreCopy ? NotConverging.Stop : NotConverging.PostCopy,
    };
}

/// <summary>The steps of the demo.</summary>
internal enum MigrateStep
{
    /// <summary>The store is filled.</summary>
    Fill,

    /// <summary>It is used where it is.</summary>
    Before,

    /// <summary>It moves, while it is used.</summary>
    Move,

    /// <summary>It is used where it is now.</summary>
    After,

    /// <summary>Every write that was acknowledged is looked for.</summary>
    Verify,
}

/// <summary>How far the demo is.</summary>
/// <param name="Step">In which step.</param>
/// <param name="Share">How much of it is done, from 0 to 1, where that is known.</param>
/// <param name="Progress">How far the migration is, while there is one.</param>
internal sealed record MigrateMoment(MigrateStep Step, double Share, MigrationProgress? Progress = null);

/// <summary>What the client saw.</summary>
/// <param name="Before">How long its requests took before the store moved.</param>
/// <param name="During">While it moved, until all of it was there.</param>
/// <param name="After">Afterwards.</param>
/// <param name="Requests">How many there were.</param>
/// <param name="Writes">How many of them were writes that were acknowledged.</param>
/// <param name="LostWrites">How many of those are not there at the end, or were not when they were read.</param>
internal sealed record MigrateLoadResult(LatencyHistogram Before, LatencyHistogram During, LatencyHistogram After, long Requests, long Writes, long LostWrites);

/// <summary>What came out.</summary>
/// <param name="Options">What was asked for.</param>
/// <param name="Keys">How many keys the store has.</param>
/// <param name="Summary">What the source tells of the migration.</param>
/// <param name="Total">From its start until all was at the destination.</param>
/// <param name="Faults">Requests at the destination that waited for a page to come.</param>
/// <param name="Load">What the client saw.</param>
internal sealed record MigrateResult(MigrateOptions Options, int Keys, MigrationSummary Summary, TimeSpan Total, long Faults, MigrateLoadResult Load)
{
    /// <summary>Whether every write that was acknowledged is there.</summary>
    public bool Verified => Load.LostWrites == 0;
}
