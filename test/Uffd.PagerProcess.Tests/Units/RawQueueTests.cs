using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Units;

/// <summary>Which page leaves next.</summary>
public class RawQueueTests
{
    [Fact]
    public void New_pages_leave_in_the_order_in_which_they_came()
    {
        using var queues = new RawQueues(pages: 100, limit: 8);
        for (int page = 0; page < 8; page++)
        {
            Assert.False(queues.Add(page));
        }

        Assert.Equal([0, 1, 2], Enumerable.Range(0, 3).Select(_ => Take(queues)));
    }

    [Fact]
    public void Page_that_is_wanted_again_soon_outlasts_a_pass_over_everything()
    {
        using var queues = new RawQueues(pages: 1000, limit: 8);
        queues.Add(500);
        Take(queues);
        Assert.True(queues.Add(500)); // again: in the main queue now
        for (int page = 0; page < 300; page++)
        {
            queues.Add(page);
            if (queues.Count > 8)
            {
                Assert.NotEqual(500, Take(queues));
            }
        }
    }

    [Fact]
    public void Page_that_left_long_ago_is_new()
    {
        using var queues = new RawQueues(pages: 1000, limit: 8);
        queues.Add(500);
        Take(queues);
        for (int page = 0; page < 10; page++)
        {
            queues.Add(page);
            Take(queues);
        }

        Assert.False(queues.Add(500));
    }

    [Fact]
    public void Main_queue_leaves_when_the_other_is_short()
    {
        using var queues = new RawQueues(pages: 100, limit: 8);
        queues.PutBack(7);
        queues.Add(1);
        queues.Add(2);
        Assert.Equal([7, 1, 2], Enumerable.Range(0, 3).Select(_ => Take(queues)));
        Assert.False(queues.TryTake(out _, out _));
    }

    private static long Take(RawQueues queues)
    {
        Assert.True(queues.TryTake(out long page, out bool isRecent));
        queues.Evicted(page, isRecent);
        return page;
    }
}
