namespace Uffd.Paging;

/// <content>Memory that maps a shared image: its pages are brought there, once for all, and mapped here.</content>
internal sealed unsafe partial class PageFiller
{
    private FillOutcome FillShared(RegionSlice slice, SharedImage image, long first, int count)
    {
        int done = 0;
        while (done < count)
        {
            long page = first + done;
            SharedWaiter? waiter = page == _demandPage ? new SharedWaiter(_space, new PageKey(slice.Map, page)) : null;
            SharedAnswer answer = image.Bring((long)(slice.SourceOffsetOf(page) >> slice.PageShift), count - done, waiter, _space.Options.SourceTimeout);
            FillOutcome outcome = answer.Status switch
            {
                SharedStatus.Ready => Install(slice, page, answer.Pages, PageContent.Shared),
                SharedStatus.Zeros => Install(slice, page, answer.Pages, PageContent.Zeros),
                SharedStatus.Poisoned => Install(slice, page, answer.Pages, PageContent.Poison),
                SharedStatus.Busy => new FillOutcome(0, FillStatus.Busy) { BusyPages = answer.Pages },
                _ => SourceFailed(answer.Reason!),
            };
            done += outcome.Pages;
            if (outcome.Status != FillStatus.Done)
            {
                return outcome with { Pages = done };
            }
        }

        return FillOutcome.Done(done);
    }

    /// <summary>Why a page of the image cannot be mapped, where the client is to blame.</summary>
    private static string? DescribeShared(Errno errno) => errno switch
    {
        Errno.EFAULT => "the page is in the shared image, but not in what the process has mapped there",
        Errno.EINVAL => "the process has mapped something else there than the shared image",
        _ => null,
    };
}
