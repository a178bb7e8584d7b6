namespace Uffd.Snapshots;

/// <summary>The numbers of the image format: docs/snapshot-image.md.</summary>
internal static class ImageFormat
{
    /// <summary><c>UFFDSNAP</c>, little-endian.</summary>
    public const ulong Magic = 0x5041_4e53_4446_4655;

    public const uint Version = 1;

    /// <summary>Pages that one leaf of the index tells of.</summary>
    public const int LeafPages = 512;

    /// <summary>The most pages of a block: a slot has five bits.</summary>
    public const int MaxBlockPages = 32;

    /// <summary>Pages of a block as they are written (docs/snapshot-image.md has what was measured).</summary>
    public const int DefaultBlockPages = 16;

    /// <summary>The most images of a chain.</summary>
    public const int MaxChain = 64;

    public const int MinPageSize = 4096;

    public const int MaxPageSize = 65536;

    /// <summary>Offsets have 48 bits.</summary>
    public const long MaxFileLength = (1L << 48) - 1;
}
