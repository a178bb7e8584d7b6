using System.Buffers.Binary;
using System.Numerics;

namespace Uffd.Paging;

/// <summary>CRC-32C, as iSCSI and ext4 have it: by the processor's own instruction where it has one, by tables elsewhere (both are .NET's).</summary>
internal static class Crc32C
{
    /// <summary>What <see cref="Append"/> begins with.</summary>
    public const uint Start = 0xffff_ffff;

    /// <summary>The checksum of some bytes.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes) => ~Append(Start, bytes);

    /// <summary>Goes on with more bytes. The checksum is the complement of what comes out in the end.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (byte one in bytes)
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        return crc;
    }
}
