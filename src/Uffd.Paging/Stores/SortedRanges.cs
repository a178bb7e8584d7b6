namespace Uffd.Paging;

/// <summary>Ranges in order, without overlap, in which one is found in a time that grows with the logarithm of their number.</summary>
internal sealed class SortedRanges
{
    private readonly SourceRange[] _ranges;

    /// <param name="ranges">In any order; they may touch and overlap. Empty ones count for nothing.</param>
    /// <exception cref="ArgumentException">One reaches beyond the largest offset.</exception>
    public SortedRanges(IEnumerable<SourceRange> ranges)
    {
        var merged = new List<SourceRange>();
        foreach (SourceRange range in ranges.Where(range => range.Length > 0).OrderBy(range => range.Offset))
        {
            if (range.Length > ulong.MaxValue - range.Offset)
            {
                throw new ArgumentException($"the range of {range.Length} bytes at {range.Offset} reaches beyond the largest offset", nameof(ranges));
            }

            if (merged.Count > 0 && range.Offset <= merged[^1].End)
            {
                merged[^1] = merged[^1] with { Length = Math.Max(merged[^1].End, range.End) - merged[^1].Offset };
            }
            else
            {
                merged.Add(range);
            }
        }

        _ranges = [.. merged];
    }

    /// <summary>How many there are, those that touch counted as one.</summary>
    public int Count => _ranges.Length;

    /// <summary>Whether an offset lies in one of them.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="length">How many bytes are of interest.</param>
    /// <param name="same">How many of them, from the first, are as that one is.</param>
    public bool Contains(ulong offset, ulong length, out ulong same)
    {
        int next = Bisection.First(_ranges.Length, new EndsAfter(_ranges, offset));
        if (next == _ranges.Length)
        {
            same = length;
            return false;
        }

        bool inside = _ranges[next].Offset <= offset;
        same = Math.Min(length, (inside ? _ranges[next].End : _ranges[next].Offset) - offset);
        return inside;
    }

    /// <summary>Whether any of the bytes lies in one of them.</summary>
    public bool Overlaps(ulong offset, ulong length) => length > 0 && (Contains(offset, length, out ulong same) || same < length);

    private readonly struct EndsAfter(SourceRange[] ranges, ulong offset) : IBisected
    {
        public bool HoldsAt(int index) => ranges[index].End > offset;
    }
}
