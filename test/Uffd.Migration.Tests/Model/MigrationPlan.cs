using System.Globalization;
using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Model;

/// <summary>What befalls a migration besides its connections.</summary>
internal enum Disturbance
{
    None,
    CancelSource,
    CancelDestination,
    RefuseRegion,
    FailWrite,
    FailPause,
    FailStart,
    FailSwitch,
    SwitchNow,

    /// <summary>The source is killed.</summary>
    LoseSource,

    /// <summary>The destination is killed.</summary>
    LoseDestination,

    /// <summary>No connection is made any more.</summary>
    LoseLinks,
}

/// <summary>A region.</summary>
/// <param name="Pages">How many pages.</param>
/// <param name="HasBase">Whether both sides have a base of it.</param>
/// <param name="LostShare">The share of pages that cannot be read.</param>
/// <param name="HotShare">The share of pages that is written.</param>
internal sealed record RegionPlan(int Pages, bool HasBase, double LostShare, double HotShare);

/// <summary>A connection: by stream, what happens to what the source reads and to what it writes.</summary>
/// <param name="Streams">By stream.</param>
/// <param name="Refusal">How long it takes until it is made.</param>
/// <param name="SourceFirst">Which side gets it first.</param>
internal sealed record LinkPlan(IReadOnlyList<(Fault[] Reads, Fault[] Writes)> Streams, TimeSpan Refusal, bool SourceFirst)
{
    public bool HasSilentFaults => Streams.Any(static stream => stream.Reads.Concat(stream.Writes).Any(static fault => fault.IsSilent));
}

/// <summary>A migration and all that befalls it, as one number says.</summary>
internal sealed record MigrationPlan
{
    public required int Seed { get; init; }

    public required IReadOnlyList<RegionPlan> Regions { get; init; }

    public required MigrationSourceOptions Source { get; init; }

    /// <summary>How many streams each link has.</summary>
    public required int Streams { get; init; }

    /// <summary>Bytes that fit on the way.</summary>
    public required int Capacity { get; init; }

    /// <summary>Whether bytes go in random pieces.</summary>
    public required bool InPieces { get; init; }

    /// <summary>The connections one after the other; behind them all are good.</summary>
    public required IReadOnlyList<LinkPlan> Links { get; init; }

    public required Disturbance Disturbance { get; init; }

    /// <summary>Which read of the source's memory, or write of a landing, the disturbance comes with.</summary>
    public required int Moment { get; init; }

    /// <summary>Pages that the workload writes every millisecond.</summary>
    public required int Burst { get; init; }

    public bool CanThrottle { get; init; }

    public ulong WindowBytes { get; init; } = 1 << 20;

    /// <summary>How many threads fetch for each region.</summary>
    public int Fetchers { get; init; } = 2;

    public Sabotage Sabotage { get; init; }

    /// <summary>A control: the workload is not stopped by being paused.</summary>
    public bool IgnoresPause { get; init; }

    /// <summary>Whether nothing befalls it that could keep it from being completed.</summary>
    public bool MustComplete => Disturbance is Disturbance.None or Disturbance.SwitchNow && Source.NotConverging != NotConverging.Fail;

    public long TotalPages => Regions.Sum(static region => (long)region.Pages);

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"seed {Seed}: regions {string.Join('+', Regions.Select(static region => $"{region.Pages}{(region.HasBase ? "b" : "")}{(region.LostShare > 0 ? "p" : "")}"))}, {Streams} streams of {Capacity}, {Source.MaxRounds} rounds, {Source.NotConverging}, {Source.Compression}, {Burst} writes, {Disturbance} at {Moment}, links [{string.Join("; ", Links.Select(Describe))}]");

    private static string Describe(LinkPlan link)
        => $"{link.Refusal.TotalMilliseconds:F0} ms {string.Join(' ', link.Streams.Select(static (stream, index) => $"{index}r[{string.Join(',', stream.Reads)}]w[{string.Join(',', stream.Writes)}]"))}";
}
