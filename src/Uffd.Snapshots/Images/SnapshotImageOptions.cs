namespace Uffd.Snapshots;

/// <summary>How an image is written.</summary>
public sealed record SnapshotImageOptions
{
    /// <summary>The highest level of compression; zstd's higher ones are meant for archives.</summary>
    public const int MaxCompressionLevel = 19;

    /// <summary>The most threads that compress.</summary>
    public const int MaxThreads = 64;

    /// <summary>The snapshot whose unchanged pages are not stored again, an image too, or null for a full image.</summary>
    public string? Parent { get; init; }

    /// <summary>zstd's level, 1 to 19. Default: 1.</summary>
    public int CompressionLevel
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MaxCompressionLevel);
            field = value;
        }
    }
    = 1;

    /// <summary>Threads that compress, 1 to 64. Default: the CPUs, at most 8.</summary>
    public int Threads
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, MaxThreads);
            field = value;
        }
    }
    = Math.Clamp(Environment.ProcessorCount, 1, 8);

    /// <summary>Whether to wait until the disk has it before it gets its name. Default: true.</summary>
    public bool Durable { get; init; } = true;

    /// <summary>Whether pages are stored as they are, as where libzstd is missing.</summary>
    internal bool Raw { get; init; }

    /// <summary>Whether the file has another name until it is whole, as where the file system has no files without one.</summary>
    internal bool Named { get; init; }

    /// <summary>Pages of a block.</summary>
    internal int BlockPages { get; init; } = ImageFormat.DefaultBlockPages;
}
