namespace Uffd.Paging;

/// <summary>
/// The end of memory that maps a shared image. What the image has is mapped rather than poisoned, and where it has all, the memory
/// is taken out of the userfaultfd: from then on the kernel maps the image's pages by itself, also those that it drops when memory is
/// short, and the process needs nobody any more.
/// </summary>
/// <param name="space">The address space.</param>
/// <param name="changes">Called when the space is changing: reads its events. False when it will not come to an end.</param>
internal sealed class SharedEnd(AddressSpace space, Func<bool> changes)
{
    private const long MostPagesAtOnce = 1 << 16;

    /// <summary>Maps what the images have of what is missing.</summary>
    public void Bring()
    {
        foreach (RegionSlice slice in space.Table.Slices.Where(slice => slice.Shared is not null))
        {
            for (long page = slice.FirstPage; (page = slice.Map.FindUnsettled(page, slice.EndPage)) < slice.EndPage;)
            {
                long end = slice.Map.FindSettled(page, Math.Min(slice.EndPage, page + MostPagesAtOnce));
                if (slice.Shared!.Find(ImagePage(slice, page), end - page) is not { Status: SharedStatus.Ready or SharedStatus.Zeros } there)
                {
                    page += slice.Shared.CountMissing(ImagePage(slice, page), end - page);
                }
                else if (Map(slice, page, there.Pages, there.Status) is { } done)
                {
                    page += done;
                }
                else
                {
                    return;
                }
            }
        }
    }

    /// <summary>Takes out what needs nobody any more. Nothing of it may be missing.</summary>
    public void LetGo()
    {
        foreach (RegionSlice slice in space.Table.Slices)
        {
            if (slice.Shared?.IsWhole(ImagePage(slice, slice.FirstPage), slice.EndPage - slice.FirstPage) == true)
            {
                space.Userfaultfd.Unregister(slice.Range); // refused where it was unmapped meanwhile: then nobody needs it
            }
        }
    }

    /// <returns>How many pages to go on behind, or null when the space does not stop changing.</returns>
    private long? Map(RegionSlice slice, long page, int count, SharedStatus status)
    {
        AddressRange range = slice.RangeOf(page, count);
        UffdResult result = status == SharedStatus.Zeros ? space.Userfaultfd.ZeroPageAll(range) : space.Userfaultfd.ContinueAll(range);
        long done = (long)(result.Bytes >> slice.PageShift);
        slice.Map.ExchangeAll(page, page + done, PageState.Present);
        SpaceCounters.Add(ref space.Counters.ResidentBytes, (long)result.Bytes);
        space.Settled(done);
        if (result.ShouldRetry)
        {
            return changes() ? done : null;
        }

        return result.IsComplete ? done : done + 1; // that page is left to the failure policy
    }

    private static long ImagePage(RegionSlice slice, long page) => (long)(slice.SourceOffsetOf(page) >> slice.PageShift);
}
