namespace Uffd.Paging;

/// <summary>
/// Pages that are worth bringing when no fault waits: taken a step at a time, so that a fault waits for one step at the most. Bounded;
/// what does not fit is forgotten, for a fault will ask for it. Used by one thread; never allocates.
/// </summary>
internal sealed class AheadQueue
{
    private const int Capacity = 16;

    private readonly (RegionSlice Slice, long Page, long End)[] _runs = new (RegionSlice, long, long)[Capacity];
    private int _first;
    private int _count;

    public bool IsEmpty => _count == 0;

    /// <summary>Adds a run; the oldest makes room.</summary>
    public void Add(RegionSlice slice, long page, long end)
    {
        if (page >= end)
        {
            return;
        }

        if (_count == Capacity)
        {
            _first = (_first + 1) % Capacity;
            _count--;
        }

        _runs[(_first + _count++) % Capacity] = (slice, page, end);
    }

    /// <summary>Finds the next pages that are still missing, and claims them.</summary>
    /// <param name="most">How many bytes at most; one page at least.</param>
    /// <param name="slice">Their region.</param>
    /// <param name="page">The first.</param>
    /// <returns>How many; 0 when there are no more.</returns>
    public int Claim(ulong most, out RegionSlice? slice, out long page)
    {
        while (_count > 0)
        {
            ref (RegionSlice Slice, long Page, long End) run = ref _runs[_first];
            slice = run.Slice;
            page = slice.Map.Find(PageState.Missing, run.Page, run.End);
            int claimed = Claims.TryClaim(slice.Map, page, Math.Min(run.End, page + Claims.PagesOf(slice, most)));
            run.Page = page + Math.Max(claimed, 1);
            if (run.Page >= run.End)
            {
                run = default;
                _first = (_first + 1) % Capacity;
                _count--;
            }

            if (claimed > 0)
            {
                return claimed;
            }
        }

        slice = null;
        page = 0;
        return 0;
    }

    public void Clear()
    {
        Array.Clear(_runs);
        _count = 0;
    }
}
