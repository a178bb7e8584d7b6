using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>Pages through liblz4.</summary>
internal sealed unsafe class Lz4Compressor : IPageCompressor
{
    /// <summary>The lowest level: the quickest, and the least compressed.</summary>
    public const int MinLevel = -64;

    /// <summary>The highest one.</summary>
    public const int MaxLevel = 12;

    /// <summary>From here on the library looks for the best matches instead of the first.</summary>
    private const int FirstHighLevel = 3;

    private readonly int _level;
    private readonly SafeContextHandle _state; // of its own, for the one the library would use lies on the stack

    /// <param name="level">From <see cref="MinLevel"/> to <see cref="MaxLevel"/>; 0, 1 and 2 are the library's default.</param>
    /// <exception cref="UffdException">The library is not installed.</exception>
    public Lz4Compressor(int level)
    {
        CompressionLibrary.Require(Lz4Library.File, Lz4Library.Packages);
        _level = level;
        int bytes = level >= FirstHighLevel ? Lz4Library.SizeOfStateHighCompression() : Lz4Library.SizeOfState();
        _state = new SafeContextHandle((nint)NativeMemory.Alloc((nuint)bytes), static state => NativeMemory.Free((void*)state));
    }

    /// <inheritdoc/>
    public int Compress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        fixed (byte* from = source, to = destination) // pinned for the call, which keeps to the lengths
        {
            int length = _level >= FirstHighLevel
                ? Lz4Library.CompressHigh(_state, from, to, source.Length, destination.Length, _level)
                : Lz4Library.CompressFast(_state, from, to, source.Length, destination.Length, Math.Max(1, -_level));
            return Math.Max(0, length);
        }
    }

    /// <inheritdoc/>
    public bool TryDecompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        fixed (byte* from = source, to = destination) // pinned for the call, which keeps to the lengths
        {
            return Lz4Library.Decompress(from, to, source.Length, destination.Length) == destination.Length;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _state.Dispose();
}
