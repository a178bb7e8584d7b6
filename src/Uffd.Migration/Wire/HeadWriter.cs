using System.Buffers.Binary;
using System.Text;

namespace Uffd.Migration;

/// <summary>Writes a message's head: little-endian, without gaps.</summary>
internal sealed class HeadWriter
{
    private readonly byte[] _bytes = new byte[FrameHeader.MaxHeadBytes];
    private int _length;

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    /// <summary>How many more bytes there is room for.</summary>
    public int Room => _bytes.Length - _length;

    public HeadWriter Byte(byte value)
    {
        _bytes[_length++] = value;
        return this;
    }

    public HeadWriter UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(_length), value);
        _length += sizeof(uint);
        return this;
    }

    public HeadWriter UInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(_length), value);
        _length += sizeof(ulong);
        return this;
    }

    /// <summary>Seven bits a byte, the low ones first, the highest bit where more follow.</summary>
    public HeadWriter VarInt(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            Byte((byte)((value & 0x7f) | 0x80));
        }

        return Byte((byte)value);
    }

    public HeadWriter Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_bytes.AsSpan(_length));
        _length += bytes.Length;
        return this;
    }

    /// <summary>A length in a byte and UTF-8, cut to <paramref name="maxBytes"/> at the most, below 256.</summary>
    public HeadWriter Text(string text, int maxBytes)
    {
        int bytes = 0, characters = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (bytes + rune.Utf8SequenceLength > maxBytes)
            {
                break;
            }

            bytes += rune.Utf8SequenceLength;
            characters += rune.Utf16SequenceLength;
        }

        return Byte((byte)bytes).Raw(Encoding.UTF8.GetBytes(text[..characters]));
    }

    public void Clear() => _length = 0;
}
