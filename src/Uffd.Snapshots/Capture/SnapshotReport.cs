namespace Uffd.Snapshots;

/// <summary>One round of copying.</summary>
/// <param name="Pages">Pages that were copied in it.</param>
/// <param name="Duration">How long it took.</param>
public sealed record SnapshotRound(long Pages, TimeSpan Duration);

/// <summary>What a snapshot took.</summary>
public sealed record SnapshotReport
{
    /// <summary>How long the thread stood whose userfaultfd was taken; zero where none was (kernels before 6.7).</summary>
    public required TimeSpan AttachPause { get; init; }

    /// <summary>How long the process stood at the last stop.</summary>
    public required TimeSpan FinalPause { get; init; }

    /// <summary>The longest of the stops by which it was slowed down; zero where it was not.</summary>
    public TimeSpan LongestThrottlePause { get; init; }

    /// <summary>The rounds; the last is that of the last stop.</summary>
    public required IReadOnlyList<SnapshotRound> Rounds { get; init; }

    /// <summary>Pages that the snapshot has content of, without those of zeros that were never touched.</summary>
    public required long Pages { get; init; }

    /// <summary>Bytes that were copied from the process in all rounds.</summary>
    public required long CopiedBytes { get; init; }

    /// <summary>Bytes of the file.</summary>
    public required long FileBytes { get; init; }

    /// <summary>From the beginning until the file had its name.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Threads of the process.</summary>
    public required int Threads { get; init; }

    /// <summary>What the user should know, one line each: the pause was longer than asked, shared memory that others write too, a kernel without WP_ASYNC.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}
