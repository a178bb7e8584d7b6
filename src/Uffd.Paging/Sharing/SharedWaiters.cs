namespace Uffd.Paging;

/// <summary>Who waits for pages of a shared image that somebody else is bringing.</summary>
internal sealed class SharedWaiters
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, List<SharedWaiter>> _waiters = [];

    /// <summary>Waits, if the page is still being brought.</summary>
    /// <param name="map">The image's states.</param>
    /// <param name="page">The image's page.</param>
    /// <param name="waiter">Told by <see cref="Tell"/>.</param>
    /// <returns>False when it is not being brought any more: look again.</returns>
    public bool TryAdd(PageStateMap map, long page, SharedWaiter waiter)
    {
        lock (_lock)
        {
            // Whoever brings it changes the state first and takes this lock afterwards: it finds either no mark, or us.
            if (!map.TryChange(page, PageState.Filling, PageState.FillingWanted) && map[page] != PageState.FillingWanted)
            {
                return false;
            }

            if (!_waiters.TryGetValue(page, out List<SharedWaiter>? list))
            {
                _waiters.Add(page, list = []);
            }

            list.Add(waiter);
            return true;
        }
    }

    /// <summary>Tells all who wait for a page, after its state was changed.</summary>
    /// <param name="page">The image's page.</param>
    /// <param name="failure">Why it could not be had, or null.</param>
    public void Tell(long page, string? failure)
    {
        List<SharedWaiter>? list;
        lock (_lock)
        {
            if (!_waiters.Remove(page, out list))
            {
                return;
            }
        }

        foreach (SharedWaiter waiter in list)
        {
            waiter.Space.SharedNews.Enqueue(new SharedNews(waiter.Key, failure));
            waiter.Space.WakeLoop(); // of a space that has ended this does nothing
        }
    }
}
