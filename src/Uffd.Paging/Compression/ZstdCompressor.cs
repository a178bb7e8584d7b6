namespace Uffd.Paging;

/// <summary>Pages through libzstd.</summary>
internal sealed unsafe class ZstdCompressor : IPageCompressor
{
    /// <summary>The lowest level: the quickest, and the least compressed.</summary>
    public const int MinLevel = -64;

    /// <summary>The highest one that is not meant for archives.</summary>
    public const int MaxLevel = 19;

    private readonly int _level;
    private readonly SafeContextHandle _compressor;
    private readonly SafeContextHandle _decompressor;

    /// <param name="level">From <see cref="MinLevel"/> to <see cref="MaxLevel"/>; 0 is the library's default.</param>
    /// <exception cref="UffdException">The library is not installed, or finds no memory.</exception>
    public ZstdCompressor(int level)
    {
        CompressionLibrary.Require(ZstdLibrary.File, ZstdLibrary.Packages);
        _level = level;
        _compressor = new SafeContextHandle(ZstdLibrary.CreateCompressor(), static context => _ = ZstdLibrary.FreeCompressor(context));
        _decompressor = new SafeContextHandle(ZstdLibrary.CreateDecompressor(), static context => _ = ZstdLibrary.FreeDecompressor(context));
    }

    /// <inheritdoc/>
    public int Compress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        fixed (byte* from = source, to = destination) // pinned for the call, which keeps to the lengths
        {
            nuint length = ZstdLibrary.Compress(_compressor, to, (nuint)destination.Length, from, (nuint)source.Length, _level);
            return ZstdLibrary.IsError(length) != 0 ? 0 : (int)length; // whatever the error is, too little room for nearly all: the page stays as it is
        }
    }

    /// <inheritdoc/>
    public bool TryDecompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        fixed (byte* from = source, to = destination) // pinned for the call, which keeps to the lengths
        {
            // An error is a number far beyond any length, so that it needs no question of its own.
            return ZstdLibrary.Decompress(_decompressor, to, (nuint)destination.Length, from, (nuint)source.Length) == (nuint)destination.Length;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _compressor.Dispose();
        _decompressor.Dispose();
    }
}
