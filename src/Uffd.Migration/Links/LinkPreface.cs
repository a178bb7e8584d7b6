using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// What the connecting side says first on each connection, so that the listener knows which ones belong together. 32 bytes, little-endian: "UffdMig1", the session (16, as
/// RFC 9562 has it), the connection's number from 0 (2), how many there are (2), CRC-32C of all before it (4).
/// </summary>
/// <param name="Session">The migration.</param>
/// <param name="Index">Which connection of the link it is.</param>
/// <param name="Count">How many the link has.</param>
internal readonly record struct LinkPreface(Guid Session, int Index, int Count)
{
    public const int Bytes = 32;
    private const int ChecksumOffset = 28;

    /// <summary>What the listener answers on each connection when all are there.</summary>
    public static ReadOnlySpan<byte> Answer => "UffdOk1\n"u8;

    private static ReadOnlySpan<byte> Magic => "UffdMig1"u8;

    public byte[] Encode()
    {
        byte[] bytes = new byte[Bytes];
        Magic.CopyTo(bytes);
        _ = Session.TryWriteBytes(bytes.AsSpan(8, 16), bigEndian: true, out _);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(24), (ushort)Index);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(26), (ushort)Count);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(ChecksumOffset), Crc32C.Of(bytes.AsSpan(0, ChecksumOffset)));
        return bytes;
    }

    public static bool TryDecode(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out LinkPreface? preface)
    {
        preface = null;
        if (bytes.Length != Bytes || !bytes.StartsWith(Magic) || BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumOffset..]) != Crc32C.Of(bytes[..ChecksumOffset]))
        {
            return false;
        }

        int index = BinaryPrimitives.ReadUInt16LittleEndian(bytes[24..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(bytes[26..]);
        if (count is < 1 or > MigrationLink.MaxStreams || index >= count)
        {
            return false;
        }

        preface = new LinkPreface(new Guid(bytes.Slice(8, 16), bigEndian: true), index, count);
        return true;
    }
}
