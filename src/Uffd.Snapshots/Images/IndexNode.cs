using System.Buffers.Binary;
using System.Numerics;
using Uffd.Paging;

namespace Uffd.Snapshots;

/// <summary>
/// A node of an image's index. A leaf (level 0) tells of <see cref="ImageFormat.LeafPages"/> pages by two bits each and has a record for each stored one; the nodes
/// above have their children's first keys and places. A key is a page number divided by the pages of a leaf.
/// </summary>
internal sealed class IndexNode
{
    /// <summary>More than any file can have.</summary>
    public const int MaxLevels = 8;

    /// <summary>Children of a node.</summary>
    public const int Fanout = 256;

    /// <summary>Checksum, level and count.</summary>
    public const int PrefixLength = 8;

    public const int LeafHeaderLength = PrefixLength + 8 + (2 * BitmapLength);
    public const int BitmapLength = ImageFormat.LeafPages / 8;
    public const int ChildLength = 16;
    public const int MaxLength = LeafHeaderLength + (ImageFormat.LeafPages * PageRecord.EncodedLength);

    private const int OffsetBits = 48;

    private readonly byte[] _bytes;
    private readonly int[]? _ranks; // of a leaf: stored pages before each word of its bitmap

    /// <summary>Takes a node that was read.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or not the node that is meant.</exception>
    public IndexNode(ulong offset, byte[] bytes, int level)
    {
        Offset = offset;
        _bytes = bytes;
        if (bytes.Length < PrefixLength || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Checksum(offset, bytes)
            || Level != level || bytes.Length != (level == 0 ? LeafHeaderLength + (Count * PageRecord.EncodedLength) : PrefixLength + (Count * ChildLength)))
        {
            throw new InvalidDataException("its index is damaged");
        }

        if (level == 0)
        {
            _ranks = Rank();
        }
        else
        {
            RequireOrder();
        }
    }

    public ulong Offset { get; }

    public int Level => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(4));

    /// <summary>Stored pages, or children.</summary>
    public int Count => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(6));

    /// <summary>A leaf's key, or that of a child.</summary>
    public ulong Key(int child = 0) => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(PrefixLength + (child * ChildLength)));

    /// <summary>Where a child is.</summary>
    public (ulong Offset, int Length) Child(int child) => UnpackPlace(BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(PrefixLength + (child * ChildLength) + 8)));

    /// <summary>What a leaf has of a page.</summary>
    public PageKind Kind(int page)
    {
        int at = page >> 3;
        int low = (_bytes[PrefixLength + 8 + at] >> (page & 7)) & 1;
        int high = (_bytes[PrefixLength + 8 + BitmapLength + at] >> (page & 7)) & 1;
        return (PageKind)(low | (high << 1));
    }

    /// <summary>The record of a stored page of a leaf.</summary>
    public PageRecord Record(int page, in ImageHeader header)
    {
        int word = page >> 6;
        int rank = _ranks![word] + BitOperations.PopCount(Stored(word) & ((1UL << (page & 63)) - 1));
        return PageRecord.Decode(_bytes.AsSpan(LeafHeaderLength + (rank * PageRecord.EncodedLength), PageRecord.EncodedLength), header);
    }

    /// <summary>The last child whose key is not above a key, or -1.</summary>
    public int LastAtMost(ulong key)
    {
        int low = 0;
        int high = Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (Key(middle) <= key)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low - 1;
    }

    /// <summary>The checksum covers where the node is, too.</summary>
    public static uint Checksum(ulong offset, ReadOnlySpan<byte> bytes) => ~Crc32C.Append(BitOperations.Crc32C(Crc32C.Start, offset), bytes[sizeof(uint)..]);

    public static ulong PackPlace(ulong offset, int length) => offset | ((ulong)length << OffsetBits);

    private static (ulong Offset, int Length) UnpackPlace(ulong place) => (place & ((1UL << OffsetBits) - 1), (int)(place >> OffsetBits));

    private ulong Stored(int word)
    {
        int at = PrefixLength + 8 + (word * sizeof(ulong));
        return BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(at)) & ~BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(at + BitmapLength));
    }

    private int[] Rank()
    {
        int[] ranks = new int[ImageFormat.LeafPages / 64];
        int stored = 0;
        for (int word = 0; word < ranks.Length; word++)
        {
            ranks[word] = stored;
            stored += BitOperations.PopCount(Stored(word));
        }

        return stored == Count ? ranks : throw new InvalidDataException("its index is damaged: a leaf has another number of records than stored pages");
    }

    private void RequireOrder()
    {
        for (int child = 0; child < Count; child++)
        {
            if (child > 0 && Key(child) <= Key(child - 1))
            {
                throw new InvalidDataException("its index is damaged: it is out of order");
            }
        }

        if (Count is 0 or > Fanout)
        {
            throw new InvalidDataException("its index is damaged: a node has no children, or too many");
        }
    }
}
