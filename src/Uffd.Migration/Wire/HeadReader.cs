using System.Buffers.Binary;
using System.Text;

namespace Uffd.Migration;

/// <summary>Reads a message's head. What is too short, too long or not what it should be is a violation.</summary>
internal ref struct HeadReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _bytes = bytes;

    public readonly bool IsAtEnd => _bytes.IsEmpty;

    public byte Byte() => Take(1)[0];

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong)));

    public ulong VarInt()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = Byte();
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return shift < 63 || next <= 1 ? value : throw WireException.Violation("a number has more than 64 bits");
            }
        }

        throw WireException.Violation("a number has more than 64 bits");
    }

    public ReadOnlySpan<byte> Take(int count)
    {
        if ((uint)count > (uint)_bytes.Length)
        {
            throw WireException.Violation("a message is shorter than it must be");
        }

        ReadOnlySpan<byte> taken = _bytes[..count];
        _bytes = _bytes[count..];
        return taken;
    }

    /// <summary>Text as people may see it: what is no printable character of UTF-8 becomes a question mark.</summary>
    public string Text(int maxBytes)
    {
        int length = Byte();
        if (length > maxBytes)
        {
            throw WireException.Violation($"a text has {length} bytes, and may have {maxBytes}");
        }

        string text = Encoding.UTF8.GetString(Take(length));
        return string.Create(text.Length, text, static (to, from) =>
        {
            for (int index = 0; index < to.Length; index++)
            {
                to[index] = char.IsControl(from[index]) ? '?' : from[index];
            }
        });
    }

    public readonly void End()
    {
        if (!_bytes.IsEmpty)
        {
            throw WireException.Violation($"a message is {_bytes.Length} bytes longer than it may be");
        }
    }
}
