using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Units;

/// <summary>The states of pages and what is counted of them.</summary>
public class RawPagesTests
{
    [Fact]
    public void Dirty_pages_are_found_in_order_across_chunks_and_only_those_nobody_writes()
    {
        using var pages = new RawPages(pages: 20_000, limit: 100);
        pages[3] = RawPageState.Dirty;
        pages[4] = RawPageState.Writing;
        pages[5] = RawPageState.Clean;
        pages[4095] = RawPageState.Dirty;
        pages[19_999] = RawPageState.Dirty;
        Assert.Equal(4, pages.Dirty);
        long next = 0;
        var found = new List<long>();
        pages.FindDirty(ref next, found, most: 2);
        Assert.Equal([3, 4095], found);
        pages.FindDirty(ref next, found, most: 10);
        Assert.Equal([3, 4095, 19_999], found);
        Assert.Equal(20_000, next);
        pages[3] = RawPageState.Clean;
        Assert.Equal(3, pages.Dirty);
    }

    [Fact]
    public void Room_is_the_limit_and_what_is_allowed_beyond_it()
    {
        using var pages = new RawPages(pages: 1000, limit: 10);
        Assert.True(pages.TryReserve(10));
        Assert.False(pages.TryReserve(1));
        pages.Allowance = 2;
        Assert.True(pages.TryReserve(2));
        Assert.False(pages.TryReserve(1));
        pages.Release(3);
        Assert.True(pages.TryReserve(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => pages[1000]);
    }
}
