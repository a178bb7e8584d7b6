namespace Uffd.Snapshots;

/// <summary>How an image is written.</summary>
public sealed record SnapshotImageOptions
{
    /// <summary>The snapshot whose unchanged pages are not stored again, or null for a full image.</summary>
    public string? Parent { get; init; }

    /// <summary>zstd's level, 1 to 19. Default: 1.</summary>
    public int CompressionLevel { get; init; } = 1;

    /// <summary>Threads that compress. Default: the CPUs, at most 8.</summary>
    public int Threads { get; init; } = Math.Clamp(Environment.ProcessorCount, 1, 8);

    /// <summary>Whether to wait until the disk has it before it gets its name. Default: true.</summary>
    public bool Durable { get; init; } = true;
}

/// <summary>Writes a snapshot as an image: docs/snapshot-image.md.</summary>
public sealed class SnapshotImageWriter : ISnapshotSink
{
    private SnapshotImageWriter()
    {
    }

    /// <inheritdoc/>
    public long StoredBytes => throw new NotSupportedException();

    /// <summary>Begins an image. It is written beside its name and gets it in the end; mode 0600.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="IOException">The file or the parent cannot be opened.</exception>
    public static SnapshotImageWriter Create(string path, SnapshotImageOptions? options = null) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Write(ulong address, ReadOnlySpan<byte> pages) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Discard(AddressRange pages) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Complete(ProcessState state) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
