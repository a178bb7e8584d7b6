using System.Globalization;

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

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void States_at_first_agree_with_an_array(int seed)
    {
        var random = new Random(seed);
        const int Pages = (3 * PageStateMap.ChunkPages) + 100;
        using var map = new PageStateMap(Pages);
        var model = new PageState[Pages];
        for (int step = 0; step < 12; step++)
        {
            int from = random.Next(4) == 0 ? random.Next(4) * PageStateMap.ChunkPages : random.Next(Pages);
            int end = random.Next(3) == 0 ? Pages : random.Next(from, Pages + 1);
            PageState state = random.Next(3) == 0 ? PageState.Missing : PageState.Present;
            map.Initialize(from, end, state);
            model.AsSpan(from, end - from).Fill(state);
        }

        Assert.Equal(model, Enumerable.Range(0, Pages).Select(page => map[page]));
        Assert.Equal(model.Count(state => state == PageState.Missing), map.CountUnsettled(0, Pages));
    }

    [Fact]
    public void Fork_keeps_what_is_settled_and_forgets_claims()
    {
        PageState[] states = Enum.GetValues<PageState>();
        using var map = new PageStateMap((ulong)states.Length);
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
    public async Task One_of_many_gets_the_claim_while_chunks_go_as_a_whole()
    {
        // A claim either comes before the chunk is removed, and is told to whoever removes it, or does not come at all.
        const int Chunks = 400;
        const int Step = 257; // several claims a chunk, each of which may be its first
        const long Pages = Chunks * PageStateMap.ChunkPages;
        using var map = new PageStateMap(Pages);
        using var together = new Barrier(3);
        int claimed = 0;
        long found = 0;
        Task<bool>[] claimers = [.. Enumerable.Range(0, 2).Select(_ => NativeTouch.Run(() =>
        {
            together.SignalAndWait();
            for (long page = 0; page < Pages; page += Step)
            {
                if (map.TryChange(page, PageState.Missing, PageState.Filling))
                {
                    Interlocked.Increment(ref claimed);
                }
            }

            return true;
        }))];
        await NativeTouch.Run(() =>
        {
            together.SignalAndWait();
            for (long page = 0; page < Pages; page += PageStateMap.ChunkPages)
            {
                map.ExchangeAll(page, page + PageStateMap.ChunkPages, PageState.Removed, (_, count, before) => found += before == PageState.Filling ? count : 0);
            }

            return true;
        });
        await Task.WhenAll(claimers);
        Assert.Equal(claimed, found);
        Assert.Equal(Pages, map.FindOther(PageState.Removed, 0, Pages));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Map_agrees_with_an_array(int seed)
    {
        var random = new Random(seed);
        long pages = (5 * PageStateMap.ChunkPages) - random.Next(PageStateMap.ChunkPages);
        var model = new PageState[pages];
        using var map = new PageStateMap((ulong)pages);
        PageState[] states = Enum.GetValues<PageState>();
        for (int step = 0; step < 300; step++)
        {
            PageState to = states[random.Next(states.Length)];
            long from = random.Next(4) == 0 ? random.Next(5) * PageStateMap.ChunkPages : random.NextInt64(pages);
            long end = Math.Min(pages, random.Next(3) == 0 ? from + (random.Next(1, 3) * PageStateMap.ChunkPages) : from + random.Next(1, 9));
            switch (random.Next(3))
            {
                case 0:
                    PageState expected = states[random.Next(states.Length)];
                    Assert.Equal(model[from] == expected, map.TryChange(from, expected, to));
                    model[from] = model[from] == expected ? to : model[from];
                    break;
                case 1:
                    Assert.Equal(model[from], map.Exchange(from, to));
                    model[from] = to;
                    break;
                default:
                    long next = from;
                    map.ExchangeAll(from, end, to, (page, count, before) =>
                    {
                        Assert.Equal(next, page);
                        Assert.Equal(-1, Array.FindIndex(model, (int)page, (int)count, state => state != before));
                        next = page + count;
                    });
                    Assert.Equal(end, next);
                    Array.Fill(model, to, (int)from, (int)(end - from));
                    break;
            }

            Assert.Equal(Of(model, from, end, state => state == to), map.Find(to, from, end));
            Assert.Equal(Of(model, 0, pages, state => state != to), map.FindOther(to, 0, pages));
            Assert.Equal(Of(model, from, pages, state => state.IsUnsettled()), map.FindUnsettled(from, pages));
            Assert.Equal(Of(model, from, pages, state => !state.IsUnsettled()), map.FindSettled(from, pages));
            Assert.Equal(model.AsSpan((int)from).ToArray().Count(state => state.IsUnsettled()), map.CountUnsettled(from, pages));
            Assert.Equal(model[from], map[from]);
        }

        using PageStateMap child = map.Fork();
        for (long page = 0; page < pages; page++)
        {
            Assert.Equal(model[page], map[page]);
            Assert.Equal(model[page].IsUnsettled() ? PageState.Missing : model[page], child[page]);
        }

        static long Of(PageState[] model, long from, long end, Func<PageState, bool> matches)
        {
            int index = Array.FindIndex(model, (int)from, (int)(end - from), state => matches(state));
            return index < 0 ? end : index;
        }
    }

    [Fact]
    public void Map_of_terabytes_costs_nothing_for_what_is_alike()
    {
        const long Pages = 1L << 32; // 16 TiB of pages of 4 KiB
        long before = ResidentBytes();
        using var map = new PageStateMap(Pages);
        map.Exchange(Pages - 1, PageState.Present);
        Assert.Equal(PageState.Present, map[Pages - 1]);
        Assert.Equal(PageState.Missing, map[1L << 31]);
        Assert.Equal(Pages - 1, map.Find(PageState.Present, 0, Pages));
        Assert.Equal(Pages - 1, map.CountUnsettled(0, Pages));
        using PageStateMap child = map.Fork();
        long removed = 0;
        child.ExchangeAll(1, Pages, PageState.Removed, (_, count, state) => removed += state == PageState.Missing ? count : 0);
        Assert.Equal(Pages - 2, removed);
        Assert.Equal(1, child.CountUnsettled(0, Pages));
        Assert.InRange(ResidentBytes() - before, long.MinValue, 1 << 30); // a byte a page would be four times that; other tests run beside it, with memory of their own
    }

    private static long ResidentBytes()
    {
        string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }
}
