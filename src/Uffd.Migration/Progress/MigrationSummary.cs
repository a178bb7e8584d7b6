namespace Uffd.Migration;

/// <summary>What a migration was, when it is over.</summary>
public sealed record MigrationSummary
{
    /// <summary>The last progress.</summary>
    public required MigrationProgress Progress { get; init; }

    /// <summary>
    /// At the source: from the call that paused the workload until it was told that it runs at the destination. At the destination: from the coming of the switch until the workload had started.
    /// </summary>
    public TimeSpan Downtime { get; init; }

    /// <summary>Whether pages were left to post-copy.</summary>
    public bool WasPostCopy { get; init; }

    /// <summary>At the destination: whether the source has acknowledged the end. When not, everything is here all the same, and the source waits for somebody to tell it.</summary>
    public bool IsAcknowledged { get; init; }
}
