namespace Uffd.Snapshots;

/// <summary>A set of addresses, as ranges in order of which no two touch.</summary>
internal sealed class RangeSet
{
    private readonly List<AddressRange> _ranges = [];

    /// <summary>The ranges, in order.</summary>
    public IReadOnlyList<AddressRange> Ranges => _ranges;

    /// <summary>How many addresses are in it.</summary>
    public ulong Length { get; private set; }

    /// <summary>Puts a range into the set.</summary>
    public void Add(AddressRange range)
    {
        if (range.IsEmpty)
        {
            return;
        }

        int first = FirstEndingAtOrAfter(range.Start);
        ulong start = range.Start, end = range.End;
        int last = first;
        for (; last < _ranges.Count && _ranges[last].Start <= end; last++)
        {
            start = Math.Min(start, _ranges[last].Start);
            end = Math.Max(end, _ranges[last].End);
            Length -= _ranges[last].Length;
        }

        Replace(first, last, [AddressRange.FromBounds(start, end)]);
        Length += end - start;
    }

    /// <summary>Takes a range out of the set.</summary>
    public void Remove(AddressRange range)
    {
        int first = FirstEndingAfter(range.Start), last = first;
        if (first == _ranges.Count || _ranges[first].Start >= range.End)
        {
            return;
        }

        var left = new List<AddressRange>(2);
        for (; last < _ranges.Count && _ranges[last].Start < range.End; last++)
        {
            AddressRange cut = _ranges[last];
            Length -= cut.Length;
            if (cut.Start < range.Start)
            {
                left.Add(AddressRange.FromBounds(cut.Start, range.Start));
            }

            if (cut.End > range.End)
            {
                left.Add(AddressRange.FromBounds(range.End, cut.End));
            }
        }

        Replace(first, last, left);
        left.ForEach(piece => Length += piece.Length);
    }

    /// <summary>Whether the set has any of a range.</summary>
    public bool Overlaps(AddressRange range)
    {
        int index = FirstEndingAfter(range.Start);
        return index < _ranges.Count && _ranges[index].Start < range.End;
    }

    /// <summary>What the set has of a range, in order.</summary>
    public IEnumerable<AddressRange> Within(AddressRange range)
    {
        for (int index = FirstEndingAfter(range.Start); index < _ranges.Count && _ranges[index].Start < range.End; index++)
        {
            yield return AddressRange.FromBounds(Math.Max(_ranges[index].Start, range.Start), Math.Min(_ranges[index].End, range.End));
        }
    }

    private void Replace(int first, int last, List<AddressRange> by)
    {
        int same = Math.Min(last - first, by.Count);
        for (int index = 0; index < same; index++)
        {
            _ranges[first + index] = by[index];
        }

        if (last - first > by.Count)
        {
            _ranges.RemoveRange(first + same, last - first - same);
        }
        else
        {
            _ranges.InsertRange(first + same, by.Skip(same));
        }
    }

    private int FirstEndingAtOrAfter(ulong address) => address == 0 ? 0 : FirstEndingAfter(address - 1);

    private int FirstEndingAfter(ulong address)
    {
        int low = 0, high = _ranges.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _ranges[middle].End > address ? (low, middle) : (middle + 1, high);
        }

        return low;
    }
}
