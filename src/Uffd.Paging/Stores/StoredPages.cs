using System.Buffers.Binary;
using System.Numerics;

namespace Uffd.Paging;

/// <summary>
/// Which pages a store has something in. Pages come in from several threads at once, and never go. Stretches of which it has nothing or all cost
/// 8 bytes for each 32,768 pages, others a bit a page: of a terabyte, what is in use counts.
/// </summary>
internal sealed class StoredPages
{
    /// <summary>The bytes of the bits that are kept together.</summary>
    public const int ChunkBytes = 4096;

    private const ulong ChunkPages = ChunkBytes * 8;

    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;
    private static readonly ulong[] Full = MakeFull(); // stands for every chunk that has all, and is never written

    private readonly ulong[]?[] _chunks;
    private readonly ulong _pages;

    /// <param name="length">The bytes of the store.</param>
    public StoredPages(ulong length)
    {
        _pages = (length / PageSize) + (length % PageSize == 0 ? 0UL : 1UL);
        _chunks = new ulong[checked((int)((_pages + ChunkPages - 1) / ChunkPages))][];
    }

    /// <summary>Takes in each page that has any of some bytes. What is behind the store's end is left out.</summary>
    /// <returns>Whether one of them was not in.</returns>
    public bool Add(ulong offset, ulong length)
    {
        bool isNew = false;
        ulong end = EndOf(offset, length);
        for (ulong page = offset / PageSize; page < end;)
        {
            ulong next = Math.Min(end, ((page / ChunkPages) + 1) * ChunkPages);
            isNew |= AddToChunk(page, next);
            page = next;
        }

        return isNew;
    }

    /// <summary>The bits of 32,768 pages.</summary>
    /// <param name="chunk">Which: page 0 is in the first. None are in behind the last.</param>
    /// <param name="bits"><see cref="ChunkBytes"/> of them.</param>
    public void CopyChunk(ulong chunk, Span<byte> bits)
    {
        ulong[]? words = chunk < (ulong)_chunks.Length ? Volatile.Read(ref _chunks[chunk]) : null;
        if (words is null)
        {
            bits.Clear();
            return;
        }

        for (int index = 0; index < words.Length; index++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bits[(index * 8)..], Volatile.Read(ref words[index]));
        }
    }

    /// <summary>Takes in what <see cref="CopyChunk"/> gave, before anyone asks. Bits behind the last page are left out.</summary>
    public void AddChunk(ulong chunk, ReadOnlySpan<byte> bits)
    {
        for (int index = 0; index < bits.Length; index++)
        {
            for (int left = bits[index]; left != 0; left &= left - 1)
            {
                ulong page = (chunk * ChunkPages) + ((ulong)index * 8) + (ulong)BitOperations.TrailingZeroCount(left);
                Add(page * PageSize, 1);
            }
        }
    }

    /// <summary>Whether the page at an offset is in.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="length">How many bytes are of interest.</param>
    /// <param name="same">How many of them, from the first, are of pages of which the same is true. While pages come in, perhaps fewer.</param>
    public bool Contains(ulong offset, ulong length, out ulong same)
    {
        ulong first = offset / PageSize;
        if (first >= _pages)
        {
            same = length;
            return false;
        }

        ulong end = EndOf(offset, length);
        bool inside = IsIn(first);
        ulong page = first + 1;
        while (page < end)
        {
            ulong[]? chunk = Volatile.Read(ref _chunks[page / ChunkPages]);
            if (chunk is null || ReferenceEquals(chunk, Full))
            {
                if (inside != chunk is not null)
                {
                    break;
                }

                page = ((page / ChunkPages) + 1) * ChunkPages;
                continue;
            }

            ulong word = Volatile.Read(ref chunk[page % ChunkPages / 64]);
            ulong others = (inside ? ~word : word) >> (int)(page % 64);
            if (others != 0)
            {
                page += (ulong)BitOperations.TrailingZeroCount(others);
                break;
            }

            page = (page | 63) + 1;
        }

        // Behind the last page there is nothing that could differ from a page that is not in.
        same = page >= end && (end < _pages || !inside) ? length : Math.Min(length, (Math.Min(page, end) * PageSize) - offset);
        return inside;
    }

    /// <summary>Whether every page of some bytes is in.</summary>
    public bool ContainsAll(ulong offset, ulong length) => length > 0 && Contains(offset, length, out ulong same) && same == length;

    private static ulong[] MakeFull()
    {
        ulong[] words = new ulong[ChunkPages / 64];
        words.AsSpan().Fill(ulong.MaxValue);
        return words;
    }

    /// <summary>The page behind some bytes, or behind the last one there is.</summary>
    private ulong EndOf(ulong offset, ulong length)
    {
        if (length == 0)
        {
            return 0;
        }

        ulong last = length - 1 > ulong.MaxValue - offset ? ulong.MaxValue : offset + (length - 1);
        return Math.Min(_pages, (last / PageSize) + 1);
    }

    private bool IsIn(ulong page)
    {
        ulong[]? chunk = Volatile.Read(ref _chunks[page / ChunkPages]);
        return chunk is not null && (Volatile.Read(ref chunk[page % ChunkPages / 64]) >> (int)(page % 64) & 1) != 0;
    }

    private bool AddToChunk(ulong page, ulong end)
    {
        ref ulong[]? place = ref _chunks[page / ChunkPages];
        if (end - page == ChunkPages)
        {
            // Who adds to the one that was there adds nothing that this has not.
            return !ReferenceEquals(Interlocked.Exchange(ref place, Full), Full);
        }

        bool isNew = false;

        ulong[]? chunk = Volatile.Read(ref place);
        if (chunk is null)
        {
            ulong[] made = new ulong[ChunkPages / 64];
            chunk = Interlocked.CompareExchange(ref place, made, null) ?? made;
        }

        while (page < end && !ReferenceEquals(chunk, Full))
        {
            ulong next = Math.Min(end, (page | 63) + 1);
            ulong bits = ulong.MaxValue >> (int)(64 - (next - page)) << (int)(page % 64);
            ref ulong word = ref chunk[page % ChunkPages / 64];
            if ((Volatile.Read(ref word) & bits) != bits)
            {
                isNew |= (Interlocked.Or(ref word, bits) & bits) != bits;
            }

            page = next;
        }

        return isNew;
    }
}
