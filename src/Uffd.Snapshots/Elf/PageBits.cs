using System.Numerics;

namespace Uffd.Snapshots;

/// <summary>A bit for each page of an area, without memory for stretches that were never set. Grows.</summary>
internal sealed class PageBits
{
    private const int WordBits = 64;
    private const int ChunkWords = 512; // 4 KiB stand for 128 MiB of pages of 4 KiB
    private const long ChunkBits = ChunkWords * WordBits;

    private readonly List<ulong[]?> _chunks = [];

    /// <summary>Sets a run.</summary>
    /// <returns>How many of it were not set before.</returns>
    public long Set(long first, long count)
    {
        long changed = 0;
        for (long index = first, end = first + count; index < end;)
        {
            ulong[] chunk = ChunkFor(index);
            (int word, ulong mask, long next) = Cut(index, end);
            changed += BitOperations.PopCount(mask & ~chunk[word]);
            chunk[word] |= mask;
            index = next;
        }

        return changed;
    }

    /// <summary>Clears a run.</summary>
    /// <returns>How many of it were set before.</returns>
    public long Clear(long first, long count)
    {
        long changed = 0;
        for (long index = first, end = first + count; index < end;)
        {
            int at = (int)(index / ChunkBits);
            if (at >= _chunks.Count)
            {
                break;
            }

            if (_chunks[at] is not { } chunk)
            {
                index = (at + 1) * ChunkBits;
                continue;
            }

            (int word, ulong mask, long next) = Cut(index, end);
            changed += BitOperations.PopCount(mask & chunk[word]);
            chunk[word] &= ~mask;
            index = next;
        }

        return changed;
    }

    /// <summary>The first page from an index on that is set, or the limit.</summary>
    public long NextSet(long from, long limit) => Next(from, limit, wanted: true);

    /// <summary>The first page from an index on that is not set, or the limit.</summary>
    public long NextClear(long from, long limit) => Next(from, limit, wanted: false);

    private long Next(long from, long limit, bool wanted)
    {
        for (long index = from; index < limit;)
        {
            int at = (int)(index / ChunkBits);
            if (at >= _chunks.Count)
            {
                return wanted ? limit : index;
            }

            if (_chunks[at] is not { } chunk)
            {
                if (!wanted)
                {
                    return index;
                }

                index = (at + 1) * ChunkBits;
                continue;
            }

            int word = (int)(index % ChunkBits) / WordBits;
            int bit = (int)(index % WordBits);
            ulong rest = (wanted ? chunk[word] : ~chunk[word]) >> bit;
            if (rest != 0)
            {
                return Math.Min(index + BitOperations.TrailingZeroCount(rest), limit);
            }

            index += WordBits - bit;
        }

        return limit;
    }

    private static (int Word, ulong Mask, long Next) Cut(long index, long end)
    {
        int bit = (int)(index % WordBits);
        int count = (int)Math.Min(WordBits - bit, end - index);
        ulong mask = (count == WordBits ? ulong.MaxValue : (1UL << count) - 1) << bit;
        return ((int)(index % ChunkBits) / WordBits, mask, index + count);
    }

    private ulong[] ChunkFor(long index)
    {
        int at = (int)(index / ChunkBits);
        while (_chunks.Count <= at)
        {
            _chunks.Add(null);
        }

        return _chunks[at] ??= new ulong[ChunkWords];
    }
}
