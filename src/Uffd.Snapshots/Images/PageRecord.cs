using System.Buffers.Binary;

namespace Uffd.Snapshots;

/// <summary>What an index has of a page.</summary>
internal enum PageKind
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Where it is stored in this file.</summary>
    Stored,

    /// <summary>That it is the parent's.</summary>
    Parent,

    /// <summary>That it is zeros: only where nothing would mean something else.</summary>
    Zero,
}

/// <summary>A stored page: its block, its place in it, and its checksum.</summary>
/// <param name="Offset">Where the block is in the file.</param>
/// <param name="Length">The block's bytes in the file.</param>
/// <param name="IsRaw">Whether they are the pages themselves, and not compressed.</param>
/// <param name="Pages">Pages of the block.</param>
/// <param name="Slot">Which of them it is.</param>
/// <param name="Checksum">Of its address and its content (<see cref="PageChecksum"/>).</param>
internal readonly record struct PageRecord(ulong Offset, int Length, bool IsRaw, int Pages, int Slot, uint Checksum)
{
    public const int EncodedLength = 16;

    private const int OffsetBits = 48;
    private const uint Raw = 0x8000_0000;

    public void Encode(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Offset | ((ulong)Slot << OffsetBits) | ((ulong)Pages << (OffsetBits + 8)));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], (uint)Length | (IsRaw ? Raw : 0));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], Checksum);
    }

    /// <summary>Takes a record from a node whose checksum was right: it must still make sense.</summary>
    /// <exception cref="InvalidDataException">It does not.</exception>
    public static PageRecord Decode(ReadOnlySpan<byte> bytes, in ImageHeader header)
    {
        ulong place = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        bool raw = (length & Raw) != 0;
        length &= ~Raw;
        ulong offset = place & ((1UL << OffsetBits) - 1);
        int slot = (int)(place >> OffsetBits) & 0xff;
        int pages = (int)(place >> (OffsetBits + 8));
        uint whole = (uint)(pages * header.PageSize);
        return pages is > 0 and <= ImageFormat.MaxBlockPages && slot < pages && length > 0 && length <= whole && (!raw || length == whole) && header.IsInside(offset, length)
            ? new PageRecord(offset, (int)length, raw, pages, slot, BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]))
            : throw new InvalidDataException("its index points to a block that cannot be");
    }
}
