using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>This library's own format of a working set, as docs/working-sets.md describes it byte by byte.</summary>
internal static class WorkingSetEncoding
{
    private const int HeaderBytes = 40;
    private const int ChecksumBytes = 4;
    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "uffdwset"u8;

    /// <summary>Whether it begins as one does.</summary>
    public static bool IsOne(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Magic);

    public static byte[] Encode(WorkingSet set)
    {
        var bytes = new List<byte>(HeaderBytes + (4 * set.Runs.Count) + ChecksumBytes);
        CollectionsMarshal.SetCount(bytes, HeaderBytes);
        Span<byte> header = CollectionsMarshal.AsSpan(bytes);
        header.Clear();
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], (uint)set.Runs.Count);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], set.PageSize);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], set.ImageLength);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], set.TotalPages);
        ulong expected = 0; // the page behind the run before
        foreach (SourceRange run in set.Runs)
        {
            ulong page = run.Offset / set.PageSize;
            ulong count = run.Length / set.PageSize;
            WriteNumber(bytes, ZigZag(unchecked((long)(page - expected))));
            WriteNumber(bytes, count - 1);
            expected = page + count;
        }

        Span<byte> checksum = stackalloc byte[ChecksumBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(checksum, Crc32C.Of(CollectionsMarshal.AsSpan(bytes)));
        bytes.AddRange(checksum);
        return [.. bytes];
    }

    /// <exception cref="InvalidDataException">It is damaged: one line says how.</exception>
    public static WorkingSet Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderBytes + ChecksumBytes)
        {
            throw Damaged("it is cut short");
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        if (version != Version)
        {
            throw Damaged(string.Create(CultureInfo.InvariantCulture, $"its version is {version}, and only {Version} is known here"));
        }

        ReadOnlySpan<byte> checkedBytes = bytes[..^ChecksumBytes];
        if (Crc32C.Of(checkedBytes) != BinaryPrimitives.ReadUInt32LittleEndian(bytes[^ChecksumBytes..]))
        {
            throw Damaged("its checksum is wrong: it is damaged or cut short");
        }

        uint count = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        ulong pageSize = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]);
        ulong imageLength = BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]);
        ReadOnlySpan<byte> rest = checkedBytes[HeaderBytes..];
        if (!BitOperations.IsPow2(pageSize) || count > (uint)rest.Length / 2) // a run has two bytes at least
        {
            throw Damaged("its header is nonsense");
        }

        var runs = new SourceRange[count];
        ulong expected = 0;
        for (int index = 0; index < runs.Length; index++)
        {
            ulong page = unchecked(expected + (ulong)UnZigZag(ReadNumber(ref rest)));
            ulong pages = unchecked(ReadNumber(ref rest) + 1);
            ulong most = ulong.MaxValue / pageSize; // so that no product and no sum below wraps around
            if (page >= most || pages == 0 || pages > most - page)
            {
                throw Damaged("it names bytes that no image has");
            }

            runs[index] = new SourceRange(page * pageSize, pages * pageSize);
            expected = page + pages;
        }

        string? fault = !rest.IsEmpty ? "there is more behind its last run" : WorkingSet.FindFault(runs, pageSize, imageLength);
        if (fault is not null)
        {
            throw Damaged(fault);
        }

        WorkingSet set = WorkingSet.Trusted(runs, pageSize, imageLength);
        return set.TotalPages == BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]) ? set : throw Damaged("it has another number of pages than its header says");
    }

    private static ulong ZigZag(long number) => unchecked(((ulong)number << 1) ^ (ulong)(number >> 63));

    private static long UnZigZag(ulong number) => unchecked((long)(number >> 1) ^ -(long)(number & 1));

    private static void WriteNumber(List<byte> bytes, ulong number)
    {
        for (; number >= 0x80; number >>= 7)
        {
            bytes.Add((byte)((number & 0x7f) | 0x80));
        }

        bytes.Add((byte)number);
    }

    private static ulong ReadNumber(ref ReadOnlySpan<byte> bytes)
    {
        ulong number = 0;
        for (int index = 0; index < bytes.Length && index < 10; index++)
        {
            byte one = bytes[index];
            if (index == 9 && one > 1)
            {
                break; // more than 64 bits
            }

            number |= (ulong)(one & 0x7f) << (7 * index);
            if (one < 0x80)
            {
                bytes = bytes[(index + 1)..];
                return number;
            }
        }

        throw Damaged("one of its numbers does not end");
    }

    private static InvalidDataException Damaged(string why) => new(why);
}
