using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Uffd.Snapshots;

/// <summary>Puts numbers and byte strings one behind the other.</summary>
internal sealed class StateEncoder
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    public void Number(ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        _bytes.Write(bytes);
    }

    public void Number(long value) => Number(unchecked((ulong)value));

    public void Number(uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        _bytes.Write(bytes);
    }

    public void Number(int value) => Number(unchecked((uint)value));

    public void Data(ReadOnlySpan<byte> data)
    {
        Number(data.Length);
        _bytes.Write(data);
    }

    public void Text(string text) => Data(Encoding.UTF8.GetBytes(text));
}
