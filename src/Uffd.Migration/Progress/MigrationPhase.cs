namespace Uffd.Migration;

/// <summary>How far a migration is.</summary>
public enum MigrationPhase
{
    /// <summary>Both sides agree on what is moved.</summary>
    Connecting,

    /// <summary>Rounds, while the workload runs at the source.</summary>
    PreCopy,

    /// <summary>The workload stands.</summary>
    Switching,

    /// <summary>The workload runs at the destination, and the rest follows.</summary>
    PostCopy,

    /// <summary>Everything is at the destination.</summary>
    Done,

    /// <summary>It failed or was cancelled before the switch: the workload runs at the source, as it did.</summary>
    Failed,
}

/// <summary>What an event tells.</summary>
public enum MigrationEventKind
{
    /// <summary>Another phase has begun.</summary>
    Phase,

    /// <summary>A round of pre-copy has ended.</summary>
    Round,

    /// <summary>The connection broke; the migration waits for another one.</summary>
    Broken,

    /// <summary>It goes on over another connection.</summary>
    Resumed,

    /// <summary>Pages cannot be read at the source, and are poisoned at the destination.</summary>
    Poisoned,

    /// <summary>The workload is slowed down.</summary>
    Throttled,

    /// <summary>It failed, or was cancelled.</summary>
    Failed,
}

/// <summary>Something that happened in a migration.</summary>
/// <param name="Kind">What.</param>
/// <param name="Message">In words, one line.</param>
/// <param name="Progress">How far it was.</param>
public sealed record MigrationEvent(MigrationEventKind Kind, string Message, MigrationProgress Progress);

/// <summary>How far a migration is, at one side.</summary>
public sealed record MigrationProgress
{
    /// <summary>The phase.</summary>
    public MigrationPhase Phase { get; init; }

    /// <summary>Bytes of all regions.</summary>
    public ulong TotalBytes { get; init; }

    /// <summary>Bytes that are still to be moved, as far as is known: of this round, and in post-copy of all.</summary>
    public ulong LeftBytes { get; init; }

    /// <summary>Bytes of pages that were moved, also those that were moved again; zeros count where they are told.</summary>
    public ulong MovedBytes { get; init; }

    /// <summary>Bytes that went over the connections.</summary>
    public ulong WireBytes { get; init; }

    /// <summary>Bytes of pages a second, over the last second or so.</summary>
    public double BytesPerSecond { get; init; }

    /// <summary>Bytes a second that the workload wrote in the last round.</summary>
    public double WrittenBytesPerSecond { get; init; }

    /// <summary>The rounds of pre-copy that have begun.</summary>
    public int Round { get; init; }

    /// <summary>Reads of pages that a thread at the destination waited for.</summary>
    public long Faults { get; init; }

    /// <summary>Pages that are lost.</summary>
    public long PoisonedPages { get; init; }

    /// <summary>How often the connection broke and was resumed.</summary>
    public int Resumes { get; init; }

    /// <summary>How long it has taken.</summary>
    public TimeSpan Elapsed { get; init; }
}
