using System.Buffers.Binary;
using System.Text;

namespace Uffd.Snapshots;

/// <summary>Takes apart what <see cref="StateEncoder"/> put together. Nothing is believed: no length or count is above what is there.</summary>
internal ref struct StateDecoder(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _bytes = bytes;

    public readonly bool IsAtEnd => _bytes.IsEmpty;

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong)));

    public long Int64() => unchecked((long)UInt64());

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

    public int Int32() => unchecked((int)UInt32());

    /// <summary>A number of things each of which takes some bytes at least.</summary>
    public int Count(int leastLength)
    {
        uint count = UInt32();
        return count <= _bytes.Length / leastLength ? (int)count : throw Damaged("more of something than there is room for");
    }

    public ReadOnlySpan<byte> Data() => Take(Count(leastLength: 1));

    public string Text() => Encoding.UTF8.GetString(Data());

    public static InvalidDataException Damaged(string how) => new($"its process's state is damaged: {how}");

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length > _bytes.Length)
        {
            throw Damaged("it ends too early");
        }

        ReadOnlySpan<byte> taken = _bytes[..length];
        _bytes = _bytes[length..];
        return taken;
    }
}
