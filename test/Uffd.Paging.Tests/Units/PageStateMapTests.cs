namespace Uffd.Paging.Tests.Units;

public class PageStateMapTests
{
    [Fact]
    public void All_is_missing_at_first()
    {
        using var map = new PageStateMap(10_000);
        Assert.Equal(10_000, map.Pages);
        Assert.Equal(10_000, map.FindOther(PageState.Missing, 0, 10_000));
        Assert.Equal(0, map.Find(PageState.Missing, 0, 10_000));
        Assert.Equal(10_000, map.Find(PageState.Present, 0, 10_000));
    }

    [Fact]
    public void States_change_only_as_expected()
    {
        using var map = new PageStateMap(3);
        Assert.False(map.TryChange(1, PageState.Present, PageState.Removed));
        Assert.True(map.TryChange(1, PageState.Missing, PageState.Filling));
        Assert.False(map.TryChange(1, PageState.Missing, PageState.Filling));
        Assert.Equal(PageState.Filling, map.Exchange(1, PageState.Present));
        Assert.Equal([PageState.Missing, PageState.Present, PageState.Missing], [map[0], map[1], map[2]]);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public void Outside_is_refused(long page)
    {
        using var map = new PageStateMap(3);
        Assert.Throws<ArgumentOutOfRangeException>(() => map[page]);
        Assert.Throws<ArgumentOutOfRangeException>(() => map.TryChange(page, PageState.Missing, PageState.Filling));
        Assert.Throws<ArgumentOutOfRangeException>(() => map.Exchange(page, PageState.Filling));
        Assert.Throws<ArgumentOutOfRangeException>(() => map.Find(PageState.Missing, 0, 4));
    }

    [Fact]
    public void Finding_respects_its_bounds_over_more_than_one_window()
    {
        const long Pages = (3 << 20) + 77; // a search looks at a million pages at once
        using var map = new PageStateMap((ulong)Pages);
        long[] present = [0, 1, (1 << 20) - 1, 1 << 20, (2 << 20) + 5, Pages - 1];
        Array.ForEach(present, page => map.Exchange(page, PageState.Present));
        var found = new List<long>();
        for (long page = map.Find(PageState.Present, 0, Pages); page < Pages; page = map.Find(PageState.Present, page + 1, Pages))
        {
            found.Add(page);
        }

        Assert.Equal(present, found);
        Assert.Equal(2, map.FindOther(PageState.Present, 0, Pages));
        Assert.Equal((1 << 20) - 1, map.Find(PageState.Present, 2, (1 << 20) - 1)); // the end, when none lies before it
        Assert.Equal(5, map.Find(PageState.Present, 5, 5));
        Assert.Equal(Pages - 1, map.Find(PageState.Present, (2 << 20) + 6, Pages));
    }

    [Fact]
    public void Fork_keeps_what_is_settled_and_forgets_claims()
    {
        using var map = new PageStateMap(8);
        PageState[] states = Enum.GetValues<PageState>();
        for (int page = 0; page < states.Length; page++)
        {
            map.Exchange(page, states[page]);
        }

        using PageStateMap child = map.Fork();
        for (int page = 0; page < states.Length; page++)
        {
            PageState expected = states[page] is PageState.Filling or PageState.FillingWanted or PageState.Parked ? PageState.Missing : states[page];
            Assert.Equal(expected, child[page]);
            Assert.Equal(states[page], map[page]);
        }

        child.Exchange(0, PageState.Removed);
        Assert.Equal(PageState.Missing, map[0]);
    }

    [Fact]
    public async Task One_of_many_gets_the_claim()
    {
        const int Pages = 20_000;
        using var map = new PageStateMap(Pages);
        using var together = new Barrier(4);
        int[] won = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => NativeTouch.Run(() =>
        {
            int mine = 0;
            together.SignalAndWait();
            for (int page = 0; page < Pages; page++)
            {
                mine += map.TryChange(page, PageState.Missing, PageState.Filling) ? 1 : 0;
            }

            return mine;
        })));
        Assert.Equal(Pages, won.Sum());
    }

    [Fact]
    public void Map_of_terabytes_costs_nothing_until_it_is_used()
    {
        using var map = new PageStateMap(1UL << 32); // 16 TiB of pages of 4 KiB
        map.Exchange((1L << 32) - 1, PageState.Present);
        Assert.Equal(PageState.Present, map[(1L << 32) - 1]);
        Assert.Equal(PageState.Missing, map[1L << 31]);
    }
}
