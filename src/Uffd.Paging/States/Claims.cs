namespace Uffd.Paging;

/// <summary>Taking pages to fill, and giving back those that could not be filled.</summary>
internal static class Claims
{
    /// <summary>Claims missing pages from the first one on, until one is not missing.</summary>
    /// <returns>How many.</returns>
    public static int TryClaim(PageStateMap map, long page, long end)
    {
        long next = page;
        while (next < end && map.TryChange(next, PageState.Missing, PageState.Filling))
        {
            next++;
        }

        return (int)(next - page);
    }

    /// <summary>Claims missing pages downwards from the one before <paramref name="page"/>, until one is not missing.</summary>
    /// <returns>How many.</returns>
    public static int TryClaimBelow(PageStateMap map, long page, long first)
    {
        long next = page;
        while (next > first && map.TryChange(next - 1, PageState.Missing, PageState.Filling))
        {
            next--;
        }

        return (int)(page - next);
    }

    /// <summary>Gives claims back. A fault that came to wait for one of them meanwhile is handed to the fault loop.</summary>
    public static void Release(AddressSpace space, PageStateMap map, long page, long count)
    {
        for (long end = page + count; page < end; page++)
        {
            if (!map.TryChange(page, PageState.Filling, PageState.Missing)
                && map.TryChange(page, PageState.FillingWanted, PageState.Missing))
            {
                space.Inbox.Enqueue(new PageKey(map, page));
                space.WakeLoop();
            }
        }
    }

    /// <summary>How many whole pages of a region so many bytes are; at least one.</summary>
    public static long PagesOf(RegionSlice slice, ulong bytes) => Math.Max(1, (long)(bytes >> slice.PageShift));
}
