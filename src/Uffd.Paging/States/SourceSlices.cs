namespace Uffd.Paging;

/// <summary>Finds where bytes of a source are in an address space: the other way round.</summary>
internal sealed class SourceSlices
{
    private readonly RegionSlice[] _sorted;
    private readonly bool _overlaps;

    public SourceSlices(IEnumerable<RegionSlice> slices)
    {
        _sorted = [.. slices.OrderBy(slice => slice.SourceOffset)];
        for (int index = 1; index < _sorted.Length; index++)
        {
            _overlaps |= End(_sorted[index - 1]) > _sorted[index].SourceOffset;
        }
    }

    /// <summary>The pages that have some of these bytes.</summary>
    public IEnumerable<(RegionSlice Slice, long First, long End)> Find(SourceRange range)
    {
        int first = _overlaps ? 0 : Bisection.First(_sorted.Length, new EndsAfter(_sorted, range.Offset));
        for (int index = first; index < _sorted.Length && _sorted[index].SourceOffset < range.End; index++)
        {
            RegionSlice slice = _sorted[index];
            if (End(slice) <= range.Offset)
            {
                continue;
            }

            ulong from = Math.Max(range.Offset, slice.SourceOffset) - slice.SourceOffset;
            ulong to = Math.Min(range.End, End(slice)) - slice.SourceOffset;
            yield return (slice, slice.FirstPage + (long)(from >> slice.PageShift), slice.FirstPage + (long)((to + slice.PageSize - 1) >> slice.PageShift));
        }
    }

    private static ulong End(RegionSlice slice) => slice.SourceOffset + slice.Range.Length;

    private readonly struct EndsAfter(RegionSlice[] sorted, ulong offset) : IBisected
    {
        public bool HoldsAt(int index) => End(sorted[index]) > offset;
    }
}
