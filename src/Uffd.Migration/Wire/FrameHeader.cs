using System.Buffers.Binary;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>The first bytes of a frame: what follows, and its number in the stream, so that nothing lost or repeated on the way goes unnoticed.</summary>
internal readonly record struct FrameHeader(FrameType Type, int HeadBytes, int DataBytes, uint Sequence, uint HeadChecksum)
{
    public const int Bytes = 24;

    /// <summary>The most bytes of a message, content of pages apart.</summary>
    public const int MaxHeadBytes = 64 << 10;

    /// <summary>The most bytes of content.</summary>
    public const int MaxDataBytes = PagesHead.MaxPages * WirePage.Bytes;

    public static FrameHeader Read(ReadOnlySpan<byte> bytes, uint expectedSequence)
    {
        if (Crc32C.Of(bytes[..20]) != BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]))
        {
            throw new WireException("the header of a frame is damaged");
        }

        uint headBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        uint dataBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        uint sequence = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        if (sequence != expectedSequence)
        {
            throw new WireException($"frame {expectedSequence} was expected, and {sequence} came");
        }

        if (headBytes > MaxHeadBytes || dataBytes > MaxDataBytes)
        {
            throw WireException.Violation($"a frame has {headBytes} and {dataBytes} bytes, and may have {MaxHeadBytes} and {MaxDataBytes}");
        }

        if (dataBytes > 0 && bytes[0] != (byte)FrameType.Pages)
        {
            throw WireException.Violation($"a frame of type {bytes[0]} has {dataBytes} bytes of pages");
        }

        return new FrameHeader((FrameType)bytes[0], (int)headBytes, (int)dataBytes, sequence, BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]));
    }

    public void Write(Span<byte> bytes)
    {
        bytes[..4].Clear();
        bytes[0] = (byte)Type;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], (uint)HeadBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], (uint)DataBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], Sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[16..], HeadChecksum);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[20..], Crc32C.Of(bytes[..20]));
    }
}
