namespace Uffd.Paging;

/// <summary>How pages are compressed: by which of the system's libraries.</summary>
public enum CompressionAlgorithm
{
    /// <summary>liblz4: a page comes back in about a microsecond.</summary>
    Lz4,

    /// <summary>libzstd: smaller, and several times as slow to come back.</summary>
    Zstd,
}
