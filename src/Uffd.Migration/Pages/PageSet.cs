using System.Numerics;

namespace Uffd.Migration;

/// <summary>
/// Pages of a region, a bit for each. Members may be called by several threads at once as long as no two change pages of the same 64; <see cref="Count"/> is exact when nobody changes any.
/// </summary>
internal sealed class PageSet
{
    private readonly ulong[] _words;
    private long _count;

    public PageSet(ulong pages)
    {
        Pages = pages;
        _words = new ulong[(pages + 63) / 64];
    }

    /// <summary>How many pages the region has.</summary>
    public ulong Pages { get; }

    /// <summary>How many are in the set.</summary>
    public ulong Count => (ulong)Volatile.Read(ref _count);

    public bool Contains(ulong page) => (_words[page >> 6] >> (int)(page & 63) & 1) != 0;

    /// <summary>Puts a run in; tells how many of it were not.</summary>
    public ulong Add(ulong page, ulong count) => Change(page, count, add: true);

    /// <summary>Takes a run out; tells how many of it were in.</summary>
    public ulong Remove(ulong page, ulong count) => Change(page, count, add: false);

    public void Clear()
    {
        Array.Clear(_words);
        Volatile.Write(ref _count, 0);
    }

    /// <summary>Puts in what is in another of the same region.</summary>
    public void AddAll(PageSet other)
    {
        ulong count = 0;
        for (int index = 0; index < _words.Length; index++)
        {
            _words[index] |= other._words[index];
            count += (ulong)BitOperations.PopCount(_words[index]);
        }

        Volatile.Write(ref _count, (long)count);
    }

    /// <summary>The first page at or behind one that is in the set, or not; <paramref name="end"/> where there is none.</summary>
    public ulong Find(ulong page, ulong end, bool isIn)
    {
        while (page < end)
        {
            ulong word = _words[page >> 6];
            ulong left = (isIn ? word : ~word) >> (int)(page & 63);
            if (left != 0)
            {
                return Math.Min(end, page + (ulong)BitOperations.TrailingZeroCount(left));
            }

            page = (page | 63) + 1;
        }

        return end;
    }

    /// <summary>The next run that is in the set.</summary>
    /// <returns>Whether there is one.</returns>
    public bool TryFindRun(ulong from, ulong end, ulong most, out ulong first, out ulong count)
    {
        first = Find(from, end, isIn: true);
        count = first < end ? Find(first, Math.Min(end, most < end - first ? first + most : end), isIn: false) - first : 0;
        return count > 0;
    }

    private ulong Change(ulong page, ulong count, bool add)
    {
        ulong changed = 0;
        for (ulong end = page + count; page < end;)
        {
            int first = (int)(page & 63);
            int bits = (int)Math.Min(64 - (ulong)first, end - page);
            ulong mask = (bits == 64 ? ulong.MaxValue : (1UL << bits) - 1) << first;
            ref ulong word = ref _words[page >> 6];
            changed += (ulong)BitOperations.PopCount(mask & (add ? ~word : word));
            word = add ? word | mask : word & ~mask;
            page += (ulong)bits;
        }

        Interlocked.Add(ref _count, add ? (long)changed : -(long)changed);
        return changed;
    }
}
