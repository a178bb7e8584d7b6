using System.Buffers;
using System.Buffers.Binary;
using Uffd.Paging;

namespace Uffd.Snapshots;

/// <summary>
/// The state's bytes in pieces, each compressed for itself and with a checksum of its place and its own bytes: what is read is never longer than what is really there.
/// </summary>
internal static class StateBlock
{
    /// <summary>The most bytes of a state: more than tens of thousands of threads and mappings need.</summary>
    public const int MaxLength = 1 << 30;

    /// <summary>Checksum, length, length in the file.</summary>
    public const int PieceHeaderLength = 12;

    public const int PieceLength = 1 << 20;

    private const uint Raw = 0x8000_0000;

    /// <summary>Packs a state.</summary>
    /// <param name="state">Its bytes.</param>
    /// <param name="offset">Where it will be in the file.</param>
    /// <param name="compressors">Null to store it as it is.</param>
    /// <exception cref="IOException">It is too long.</exception>
    public static byte[] Pack(ReadOnlySpan<byte> state, ulong offset, CompressorPool? compressors)
    {
        if (state.Length > MaxLength)
        {
            throw new IOException($"the state of the process has {state.Length} bytes, and {MaxLength} are the most that an image holds");
        }

        IPageCompressor? compressor = compressors?.Take();
        byte[] packed = ArrayPool<byte>.Shared.Rent(PieceLength);
        var all = new ArrayBufferWriter<byte>();
        try
        {
            while (!state.IsEmpty)
            {
                ReadOnlySpan<byte> piece = state[..Math.Min(PieceLength, state.Length)];
                state = state[piece.Length..];
                int length = compressor?.Compress(piece, packed.AsSpan(0, piece.Length - 1)) ?? 0;
                ReadOnlySpan<byte> content = length == 0 ? piece : packed.AsSpan(0, length);
                Span<byte> whole = all.GetSpan(PieceHeaderLength + content.Length)[..(PieceHeaderLength + content.Length)];
                BinaryPrimitives.WriteUInt32LittleEndian(whole[4..], (uint)piece.Length);
                BinaryPrimitives.WriteUInt32LittleEndian(whole[8..], (uint)content.Length | (length == 0 ? Raw : 0));
                content.CopyTo(whole[PieceHeaderLength..]);
                BinaryPrimitives.WriteUInt32LittleEndian(whole, IndexNode.Checksum(offset + (ulong)all.WrittenCount, whole));
                all.Advance(whole.Length);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(packed);
            if (compressor is not null)
            {
                compressors!.Return(compressor);
            }
        }

        return all.WrittenSpan.ToArray();
    }

    /// <summary>Reads a state's bytes.</summary>
    /// <exception cref="InvalidDataException">They are damaged.</exception>
    public static ReadOnlyMemory<byte> Read(ImageFile file, ulong offset, ulong length, Func<CompressorPool> compressors)
    {
        var state = new ArrayBufferWriter<byte>();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(PieceHeaderLength + PieceLength);
        try
        {
            while (length > 0)
            {
                int whole = ReadPiece(file, offset, length, buffer, out int pieceLength, out bool raw);
                if (pieceLength > MaxLength - state.WrittenCount)
                {
                    throw Damaged(file, offset);
                }

                ReadOnlySpan<byte> content = buffer.AsSpan(PieceHeaderLength, whole - PieceHeaderLength);
                Unpack(file, offset, content, state.GetSpan(pieceLength)[..pieceLength], raw, compressors);
                state.Advance(pieceLength);
                offset += (ulong)whole;
                length -= (ulong)whole;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return state.WrittenMemory;
    }

    /// <returns>The piece's bytes in the file, with its header.</returns>
    private static int ReadPiece(ImageFile file, ulong offset, ulong available, byte[] buffer, out int pieceLength, out bool raw)
    {
        if (available < PieceHeaderLength)
        {
            throw Damaged(file, offset);
        }

        file.Read(offset, buffer.AsSpan(0, PieceHeaderLength));
        uint unpacked = BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(4));
        uint packed = BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(8));
        raw = (packed & Raw) != 0;
        packed &= ~Raw;
        if (unpacked is 0 or > PieceLength || packed is 0 or > PieceLength || packed > available - PieceHeaderLength || (raw && packed != unpacked))
        {
            throw Damaged(file, offset);
        }

        file.Read(offset + PieceHeaderLength, buffer.AsSpan(PieceHeaderLength, (int)packed));
        int whole = PieceHeaderLength + (int)packed;
        pieceLength = (int)unpacked;
        return BinaryPrimitives.ReadUInt32LittleEndian(buffer) == IndexNode.Checksum(offset, buffer.AsSpan(0, whole)) ? whole : throw Damaged(file, offset);
    }

    private static void Unpack(ImageFile file, ulong offset, ReadOnlySpan<byte> content, Span<byte> piece, bool raw, Func<CompressorPool> compressors)
    {
        if (raw)
        {
            content.CopyTo(piece);
            return;
        }

        CompressorPool pool = compressors();
        IPageCompressor compressor = pool.Take();
        try
        {
            if (!compressor.TryDecompress(content, piece))
            {
                throw Damaged(file, offset);
            }
        }
        finally
        {
            pool.Return(compressor);
        }
    }

    private static InvalidDataException Damaged(ImageFile file, ulong offset) => new($"the image {file.Path} is damaged at byte {offset}: its process's state");
}
