using System.Numerics;
using Uffd.Paging;

namespace Uffd.Snapshots;

/// <summary>The checksum of a page: CRC-32C of its address, 8 bytes little-endian, and its content, so that a page that was misplaced is found too.</summary>
internal static class PageChecksum
{
    public static uint Of(ulong address, ReadOnlySpan<byte> content) => ~Crc32C.Append(BitOperations.Crc32C(Crc32C.Start, address), content);
}
