namespace Uffd.Snapshots;

/// <summary>What a snapshot is doing.</summary>
public enum SnapshotPhase
{
    /// <summary>Looking at the process and taking its userfaultfd.</summary>
    Attaching,

    /// <summary>Copying while it runs.</summary>
    Copying,

    /// <summary>Copying while it is slowed down.</summary>
    Throttling,

    /// <summary>The last stop is over; writing out what it brought.</summary>
    Writing,
}

/// <summary>How far a snapshot is.</summary>
/// <param name="Phase">What it is doing.</param>
/// <param name="Round">Which round, from 1.</param>
/// <param name="PagesLeft">Pages of this round that are not copied yet.</param>
/// <param name="RoundPages">Pages of this round in all.</param>
/// <param name="DirtyPagesPerSecond">What the process wrote during the last round.</param>
/// <param name="CopiedBytes">Copied so far, in all rounds.</param>
/// <param name="Elapsed">Since the beginning.</param>
public readonly record struct SnapshotProgress(
    SnapshotPhase Phase,
    int Round,
    long PagesLeft,
    long RoundPages,
    double DirtyPagesPerSecond,
    long CopiedBytes,
    TimeSpan Elapsed);
