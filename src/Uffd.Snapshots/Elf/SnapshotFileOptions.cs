namespace Uffd.Snapshots;

/// <summary>How a snapshot's file is written.</summary>
public sealed record SnapshotFileOptions
{
    /// <summary>Whether to wait until the disk has it before it gets its name, so that a power cut cannot leave half of it there. Default: true.</summary>
    public bool Durable { get; init; } = true;
}
