using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// Takes the protection away again. The kernel walks all pages for that with the process's memory map locked (0.17 us a page in a trial), so it is done in pieces of few
/// pages: small mappings together, large ones in slices. A slice that ends inside a mapping cuts it until the next one is done.
/// </summary>
/// <param name="uffd">The process's.</param>
/// <param name="following">What of it was followed.</param>
internal sealed class Releasing(Userfaultfd uffd, Following following)
{
    private const ulong MostPages = 512; // about 0.1 ms
    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;

    /// <summary>Lets all go.</summary>
    /// <param name="regions">The process's mappings as they are now.</param>
    /// <param name="populated">Pages that may be protected.</param>
    public void Release(IReadOnlyList<MappedRegion> regions, RangeSet populated)
    {
        foreach ((int first, int count) in Following.Groups(regions.Count, index => following.CanFollow(regions[index])))
        {
            Release(regions, first, count, populated);
        }
    }

    private void Release(IReadOnlyList<MappedRegion> regions, int first, int count, RangeSet populated)
    {
        int begin = first;
        ulong pages = 0;
        for (int index = first; index < first + count; index++)
        {
            ulong own = populated.Within(regions[index].Range).Aggregate(0UL, (sum, run) => sum + (run.Length / PageSize));
            if (pages + own > MostPages)
            {
                Together(regions, begin, index - begin);
                (begin, pages) = (index, 0);
            }

            if (own > MostPages)
            {
                Slices(regions[index].Range, populated);
                begin = index + 1;
            }
            else
            {
                pages += own;
            }
        }

        Together(regions, begin, first + count - begin);
    }

    private void Together(IReadOnlyList<MappedRegion> regions, int first, int count)
    {
        // Among them may be one that came since and cannot be followed: each by itself then.
        if (count > 0
            && uffd.Unregister(AddressRange.FromBounds(regions[first].Range.Start, regions[first + count - 1].Range.End)).Errno == Errno.EINVAL
            && count > 1)
        {
            Together(regions, first, count / 2);
            Together(regions, first + (count / 2), count - (count / 2));
        }
    }

    private void Slices(AddressRange region, RangeSet populated)
    {
        ulong start = region.Start, pages = 0;
        foreach (AddressRange run in populated.Within(region))
        {
            for (ulong at = run.Start; at < run.End;)
            {
                ulong take = Math.Min((run.End - at) / PageSize, MostPages - pages);
                at += take * PageSize;
                pages += take;
                if (pages == MostPages)
                {
                    uffd.Unregister(AddressRange.FromBounds(start, at));
                    (start, pages) = (at, 0);
                }
            }
        }

        if (start < region.End)
        {
            uffd.Unregister(AddressRange.FromBounds(start, region.End));
        }
    }
}
