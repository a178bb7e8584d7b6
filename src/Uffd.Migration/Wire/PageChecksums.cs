using System.Numerics;
using System.Runtime.InteropServices;

namespace Uffd.Migration;

/// <summary>A CRC-32C for each page. Four pages at once: the instruction answers after three cycles, and takes a new question each cycle.</summary>
internal static class PageChecksums
{
    private const int Words = WirePage.Bytes / sizeof(ulong);

    /// <summary>The checksums of whole pages.</summary>
    public static void Compute(ReadOnlySpan<byte> pages, Span<uint> checksums)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(pages);
        int count = pages.Length / WirePage.Bytes, page = 0;
        for (; page + 4 <= count; page += 4)
        {
            Four(words.Slice(page * Words, 4 * Words), checksums.Slice(page, 4));
        }

        for (; page < count; page++)
        {
            checksums[page] = One(words.Slice(page * Words, Words));
        }
    }

    /// <summary>Finds the first page whose checksum is another, or -1.</summary>
    public static int FindWrong(ReadOnlySpan<byte> pages, ReadOnlySpan<uint> checksums)
    {
        Span<uint> found = stackalloc uint[checksums.Length];
        Compute(pages, found);
        int same = found.CommonPrefixLength(checksums);
        return same == checksums.Length ? -1 : same;
    }

    private static uint One(ReadOnlySpan<ulong> words)
    {
        uint crc = uint.MaxValue;
        foreach (ulong word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        return ~crc;
    }

    private static void Four(ReadOnlySpan<ulong> words, Span<uint> checksums)
    {
        ReadOnlySpan<ulong> first = words[..Words];
        ReadOnlySpan<ulong> second = words.Slice(Words, Words);
        ReadOnlySpan<ulong> third = words.Slice(2 * Words, Words);
        ReadOnlySpan<ulong> fourth = words.Slice(3 * Words, Words);
        uint a = uint.MaxValue, b = a, c = a, d = a;
        for (int index = 0; index < Words; index++)
        {
            a = BitOperations.Crc32C(a, first[index]);
            b = BitOperations.Crc32C(b, second[index]);
            c = BitOperations.Crc32C(c, third[index]);
            d = BitOperations.Crc32C(d, fourth[index]);
        }

        (checksums[0], checksums[1], checksums[2], checksums[3]) = (~a, ~b, ~c, ~d);
    }
}
