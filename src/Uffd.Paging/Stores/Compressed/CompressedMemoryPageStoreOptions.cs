namespace Uffd.Paging;

/// <summary>How a <see cref="CompressedMemoryPageStore"/> keeps its pages.</summary>
public sealed record CompressedMemoryPageStoreOptions
{
    /// <summary>
    /// Who compresses. Default: <see cref="CompressionAlgorithm.Lz4"/>, from which a page is read in less time than a fault takes.
    /// </summary>
    public CompressionAlgorithm Algorithm { get; init; } = CompressionAlgorithm.Lz4;

    /// <summary>
    /// How hard. For zstd from -64 (quick) to 19 (small), 0 for the library's own default, which is 3; for LZ4 from -64 over 0, its default, to
    /// 12, where 3 and above take their time to look for more. Null, the default: 0 for LZ4, 1 for zstd.
    /// </summary>
    public int? Level { get; init; }

    /// <summary>
    /// The most bytes of memory for pages and the table of pages, at least 64 KiB. A write that finds no room below it is an
    /// <see cref="IOException"/>; the pages stay as they were. Default: no limit but the system's.
    /// </summary>
    public ulong MaxBytes { get; init; } = ulong.MaxValue;
}
