namespace Uffd.Paging;

/// <summary>
/// Everything that is missing: on from the last fault, because memory is used in stretches, and then around until all has been seen.
/// </summary>
internal sealed class FillOrder : IFillOrder
{
    private const long StretchPages = 256; // how far it goes on before it looks again: runs side by side are what is quick
    private const int MostFailures = 64;   // then the source as a whole is failing: wait instead of asking for each page

    private readonly AddressSpace _space;
    private readonly HashSet<long> _failed = [];
    private long _cursor;
    private long _stretchEnd;
    private long _lastFault = -1;

    public FillOrder(AddressSpace space) => _space = space;

    /// <inheritdoc/>
    public FillKind Kind => FillKind.Background;

    /// <inheritdoc/>
    public bool TryTake(ulong most, out ClaimedRun run)
    {
        while (TryFindNext(out long page))
        {
            if (_space.Table.FindPage(page) is { } slice)
            {
                long end = Math.Min(slice.EndPage, page + Claims.PagesOf(slice, most));
                int claimed = Claims.TryClaim(slice.Map, page, end);
                _cursor = page + Math.Max(claimed, 1);
                if (claimed > 0)
                {
                    run = new ClaimedRun(slice, page, claimed);
                    return true;
                }
            }
            else
            {
                _cursor = page + 1; // it was unmapped a moment ago
            }
        }

        run = default;
        return false;
    }

    /// <inheritdoc/>
    public void Skip(long page) => _failed.Add(page);

    /// <inheritdoc/>
    public bool TryStartPass()
    {
        _failed.Clear();
        return true;
    }

    private bool TryFindNext(out long page)
    {
        FollowFaults();
        PageStateMap map = _space.Table.Map;
        long start = _cursor;
        long end = map.Pages;
        while (_failed.Count < MostFailures)
        {
            page = map.Find(PageState.Missing, Math.Min(_cursor, end), end);
            if (page < end && !_failed.Contains(page))
            {
                return true;
            }

            _cursor = page + 1;
            if (page == end)
            {
                if (start == 0)
                {
                    break; // all the way around
                }

                end = start;
                start = _cursor = 0;
            }
        }

        page = -1;
        return false;
    }

    private void FollowFaults()
    {
        long fault = _space.LastFault;
        if (_cursor >= _stretchEnd && fault != _lastFault)
        {
            _lastFault = fault;
            _cursor = fault; // it is there already, or about to be: the next missing page is behind it
            _stretchEnd = _cursor + StretchPages;
        }
    }
}
