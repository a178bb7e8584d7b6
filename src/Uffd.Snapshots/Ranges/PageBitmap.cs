using System.Numerics;

namespace Uffd.Snapshots;

/// <summary>A bit for each of many pages. For several threads at once: each bit is as one of them left it.</summary>
internal sealed class PageBitmap
{
    private const int WordShift = 6;
    private const int WordMask = (1 << WordShift) - 1;

    private readonly ulong[] _words;

    /// <param name="pages">How many; all clear at first.</param>
    public PageBitmap(long pages)
    {
        Pages = pages;
        _words = new ulong[checked((pages >> WordShift) + 1)];
    }

    /// <summary>How many pages it covers.</summary>
    public long Pages { get; }

    /// <summary>Sets the bits from the first up to <paramref name="end"/>.</summary>
    public void Set(long from, long end) => Change(from, end, set: true);

    /// <summary>Clears the bits from the first up to <paramref name="end"/>.</summary>
    public void Clear(long from, long end) => Change(from, end, set: false);

    /// <summary>The first page from <paramref name="from"/> whose bit is set.</summary>
    /// <returns>Its index, or <paramref name="end"/>.</returns>
    public long FindSet(long from, long end) => Find(from, end, flip: 0);

    /// <summary>The first page from <paramref name="from"/> whose bit is clear.</summary>
    /// <returns>Its index, or <paramref name="end"/>.</returns>
    public long FindClear(long from, long end) => Find(from, end, flip: ulong.MaxValue);

    private void Change(long from, long end, bool set)
    {
        RequireRange(from, end);
        while (from < end)
        {
            int first = (int)(from & WordMask);
            int count = (int)Math.Min(end - from, WordMask + 1 - first);
            ulong mask = ulong.MaxValue >> (WordMask + 1 - count) << first;
            ref ulong word = ref _words[from >> WordShift];
            if (set)
            {
                Interlocked.Or(ref word, mask);
            }
            else
            {
                Interlocked.And(ref word, ~mask);
            }

            from += count;
        }
    }

    private long Find(long from, long end, ulong flip)
    {
        RequireRange(from, end);
        while (from < end)
        {
            ulong word = (Volatile.Read(ref _words[from >> WordShift]) ^ flip) >> (int)(from & WordMask);
            if (word != 0)
            {
                return Math.Min(end, from + BitOperations.TrailingZeroCount(word));
            }

            from = Math.Min(end, SkipWords((from >> WordShift) + 1, ((end - 1) >> WordShift) + 1, flip) << WordShift);
        }

        return end;
    }

    /// <returns>The first word that is not all alike, or the end.</returns>
    private long SkipWords(long word, long end, ulong alike)
    {
        if (word >= end)
        {
            return end;
        }

        int index = _words.AsSpan((int)word, (int)(end - word)).IndexOfAnyExcept(alike);
        return index < 0 ? end : word + index;
    }

    private void RequireRange(long from, long end)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, Pages);
    }
}
