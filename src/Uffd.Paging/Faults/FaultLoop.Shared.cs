namespace Uffd.Paging;

/// <content>Memory that is a private mapping of a shared image.</content>
internal sealed partial class FaultLoop
{
    /// <summary>Pages that somebody else is bringing to their image, parked until we are told, and how often their source has failed.</summary>
    private readonly Dictionary<PageKey, int> _awaited = [];

    /// <summary>
    /// There, as far as we know, and missing all the same: discarded without an event, dropped by the kernel when memory was short, or
    /// not inherited by a child. What belongs there is the image's page, and never zeros.
    /// </summary>
    private bool ServeSharedAgain(RegionSlice slice, PageKey key, PageState state, int attempts)
    {
        SpaceCounters.Add(ref _space.Counters.DuplicateFaults);
        if (!key.Map.TryChange(key.Page, state, PageState.Filling))
        {
            return ServePage(key, attempts, slice);
        }

        _space.Unsettled();
        SpaceCounters.Add(ref _space.Counters.ResidentBytes, -(long)slice.PageSize); // until it is found to be there
        return FillAlone(slice, key.Page, attempts);
    }

    /// <summary>Somebody else is bringing the page: the fault is parked, and <see cref="ServeNews"/> goes on with it.</summary>
    private void Await(RegionSlice slice, long page, int attempts)
    {
        slice.Map.Exchange(page, PageState.Parked);
        _awaited[new PageKey(slice.Map, page)] = attempts;
    }

    /// <returns>False when the process is gone.</returns>
    private bool ServeNews(SharedNews news)
    {
        if (!_awaited.Remove(news.Key, out int attempts))
        {
            return true;
        }

        if (news.Failure is not null
            && _space.Table.FindPage(news.Key.Page) is { } slice
            && news.Key.Map.TryChange(news.Key.Page, PageState.Parked, PageState.Filling))
        {
            SpaceCounters.Add(ref _space.Counters.SourceFailures);
            return FailOnDemand(slice, news.Key.Page, attempts, news.Failure);
        }

        news.Key.Map.TryChange(news.Key.Page, PageState.Parked, PageState.Missing);
        return ServePage(news.Key, attempts);
    }

    /// <summary>
    /// A discard brings the file's content back, not zeros. What is on its way may come: it is what belongs there.
    /// </summary>
    private void RemoveShared(RegionSlice slice, long first, long end)
    {
        for (long page = first; (page = slice.Map.FindSettled(page, end)) < end; page++)
        {
            PageState before = slice.Map[page];
            if (before is PageState.Present or PageState.Poisoned or PageState.Unregistered && slice.Map.TryChange(page, before, PageState.Missing))
            {
                _space.Unsettled();
                SpaceCounters.Add(ref _space.Counters.RemovedPages);
                SpaceCounters.Add(ref _space.Counters.ResidentBytes, before == PageState.Present ? -(long)slice.PageSize : 0);
            }
        }
    }
}
