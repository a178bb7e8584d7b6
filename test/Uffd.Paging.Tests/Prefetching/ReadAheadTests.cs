namespace Uffd.Paging.Tests.Prefetching;

/// <summary>How far ahead, by the faults alone.</summary>
public sealed class ReadAheadTests : IDisposable
{
    private const ulong Most = 64 * 4096;

    private readonly MemoryPageSource _source = MemoryPageSource.FromBytes(new byte[1]);
    private readonly SpaceCounters _counters = new();
    private readonly PageStateMap _map = new(1 << 20);
    private readonly RegionSlice _slice;
    private readonly ReadAhead _ahead;

    public ReadAheadTests()
    {
        _slice = new RegionSlice(new AddressRange(1 << 30, 4096UL << 20), _source, 0, pageShift: 12, _map, firstPage: 0);
        _ahead = new ReadAhead(Most, _counters);
    }

    public void Dispose()
    {
        _map.Dispose();
        _source.Dispose();
    }

    [Fact]
    public void Runs_grow_while_they_are_used_up_to_the_limit()
    {
        Assert.Equal(new AheadPlan(100, 1), Plan(100));
        long next = 101;
        foreach (int pages in (int[])[4, 16, 64, 64, 64])
        {
            Assert.Equal(new AheadPlan(next, pages), Plan(next));
            next += pages;
        }

        Assert.Equal(3 + 15 + 63 + 63, _counters.PrefetchHits); // the last run is not proven yet
        Assert.Equal(0, _counters.PrefetchWaste);
    }

    [Fact]
    public void Thread_that_goes_down_is_met_below()
    {
        Plan(1000);
        Assert.Equal(new AheadPlan(996, 4), Plan(999));
        Assert.Equal(new AheadPlan(980, 16), Plan(995));
    }

    [Fact]
    public void Run_ends_where_the_region_does()
    {
        long last = _slice.EndPage - 1;
        Plan(last - 2);
        Assert.Equal(new AheadPlan(last - 1, 2), Plan(last - 1));
        Plan(1);
        Assert.Equal(new AheadPlan(0, 1), Plan(0));
    }

    [Fact]
    public void Pages_here_and_there_are_brought_alone()
    {
        var random = new Random(1);
        int more = Enumerable.Range(0, 10_000).Count(_ => Plan(random.NextInt64(_slice.EndPage)).Pages > 1);
        Assert.InRange(more, 0, 10); // by chance next to one of the last sixteen
    }

    [Fact]
    public void Threads_side_by_side_are_told_apart()
    {
        for (long step = 0; step < 3; step++)
        {
            foreach (int thread in (int[])[1, 2, 3, 4])
            {
                Plan((thread * 10_000) + (step == 0 ? 0 : step == 1 ? 1 : 5), thread);
            }
        }

        Assert.Equal(4 * 3, _counters.PrefetchHits);

        // Where another thread's run ends is no reason to go on with it.
        Assert.Equal(1, Plan(10_000 + 5 + 16, thread: 9).Pages);
    }

    [Fact]
    public void Page_left_out_now_and_then_is_no_end()
    {
        Plan(0);
        Plan(1);
        Assert.Equal(new AheadPlan(8, 16), Plan(8)); // 5, 6 and 7 were left out
    }

    [Fact]
    public void Fault_inside_of_a_run_that_is_on_its_way_asks_for_the_rest_of_it()
    {
        Plan(0);
        Plan(1);
        Plan(5);
        Assert.Equal(new AheadPlan(9, 12), Plan(9));
        Assert.Equal(new AheadPlan(21, 64), Plan(21)); // and it ends where it was to end
    }

    [Fact]
    public void Runs_get_shorter_where_most_were_in_vain()
    {
        // Each thread goes on for two pages, and then elsewhere: what comes ahead of it is never reached.
        for (long start = 0; start < 500_000; start += 1000)
        {
            Plan(start);
            Plan(start + 1);
            Plan(start + 5);
            Plan(start + 21);
        }

        Assert.True(_counters.PrefetchWaste > _counters.PrefetchHits);
        Plan(600_000);
        Plan(600_001);
        Assert.True(Plan(600_005).Pages < 16, "it goes on as if all had been used");
    }

    [Fact]
    public void None_means_none()
    {
        var none = new ReadAhead(0, _counters);
        Assert.All(Enumerable.Range(0, 100), page => Assert.Equal(1, none.Plan(_slice, page, 0).Pages));
    }

    private AheadPlan Plan(long page, int thread = 0) => _ahead.Plan(_slice, page, thread);
}
