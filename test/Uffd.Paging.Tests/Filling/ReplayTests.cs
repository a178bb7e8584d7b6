using Uffd.Paging.Tests.Fetching;

namespace Uffd.Paging.Tests.Filling;

/// <summary>A recorded working set comes first, at once, and in its order.</summary>
public class ReplayTests
{
    private const ulong Length = 4 << 20;

    private static readonly AddressSpaceOptions ReplayOnly = new() { BackgroundFill = false, ReadAheadBytes = 0 };

    [Theory]
    [InlineData(TargetMemory.Anonymous, UffdFeatures.None)]
    [InlineData(TargetMemory.Shmem, Served.AllEvents)]
    public async Task Only_the_working_set_comes(TargetMemory memory, UffdFeatures features)
    {
        ulong[] pages = [700, 701, 702, 5, 90, 91, 6, 1023];
        var source = new CountingSource(Pattern.Bytes(Length));
        await using Served served = await StartAsync(source, pages, memory: memory, features: features);
        await Served.UntilAsync(() => served.Statistics.ReplayedPages == pages.Length, "the working set");
        Assert.All(pages, page => Assert.Equal(1, source.ReadsOf(page)));
        Assert.Equal(pages.Length, source.Total);
        await (await served.Target.BeginTouchAsync(1, pages.Select(page => page * Served.Page))).JoinAsync();
        Assert.Equal(0, served.Statistics.Faults);
        Assert.Equal(Pattern.Hash(Length), await served.HashAsync(0, Length));
    }

    [Fact]
    public async Task Order_is_that_of_the_touches_and_neighbours_come_together()
    {
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 1) { AnswersAtOnce = true };
        ulong[] first = [.. Enumerable.Range(0, 1024).Select(index => 1023UL - (ulong)index)]; // a stretch that is sorted
        await using Served served = await StartAsync(source, first);
        await served.ResidentAsync();
        Assert.Equal(Length / BackgroundFill.RunBytes, (ulong)source.Asked.Count);
        Assert.Equal(source.Asked.Order(), source.Asked);
    }

    [Fact]
    public async Task Fault_on_a_page_of_the_set_waits_for_it_and_others_do_not()
    {
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 2);
        await using Served served = await StartAsync(source, [10, 20, 30, 40], hold: TimeSpan.FromMinutes(1));
        SlowSource.Question head = await source.NextAsync();
        Assert.Equal(10 * Served.Page, head.Offset);
        TargetJob waits = await served.Target.BeginTouchAsync(1, 40 * Served.Page);
        await served.UntilFaultsAsync(1);
        TargetJob goes = await served.Target.BeginTouchAsync(1, 500 * Served.Page);
        SlowSource.Question demand = await source.NextAsync();
        Assert.Equal(500 * Served.Page, demand.Offset);
        demand.Answer.SetResult();
        Assert.Equal(Pattern.ByteAt(500 * Served.Page), Assert.Single(await goes.JoinTouchesAsync()).Value);
        Assert.False(await waits.IsDoneAsync());
        head.Answer.SetResult();
        source.AnswerAll();
        Assert.Equal(Pattern.ByteAt(40 * Served.Page), Assert.Single(await waits.JoinTouchesAsync()).Value);
        await Served.UntilAsync(() => served.Statistics.ReplayedPages == 4, "the working set");
        Assert.Equal(1, served.Statistics.DemandPages);
    }

    [Fact]
    public async Task Fault_waits_no_longer_than_was_said()
    {
        // One read at a time, and the first is never answered: what is behind it in the set would wait for ever.
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 2);
        await using Served served = await StartAsync(source, [10, 20, 30, 40], hold: TimeSpan.FromMilliseconds(300));
        SlowSource.Question stuck = await source.NextAsync();
        TargetJob waits = await served.Target.BeginTouchAsync(1, 40 * Served.Page);
        SlowSource.Question demand = await source.NextAsync();
        Assert.Equal(40 * Served.Page, demand.Offset);
        demand.Answer.SetResult();
        Assert.Equal(Pattern.ByteAt(40 * Served.Page), Assert.Single(await waits.JoinTouchesAsync()).Value);
        source.AnswerAll();
        stuck.Answer.SetResult();
        await Served.UntilAsync(() => served.Statistics.ReplayedPages == 3, "the rest of the working set");
    }

    [Fact]
    public async Task Rest_comes_behind_the_set()
    {
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 1) { AnswersAtOnce = true };
        await using Served served = await StartAsync(source, [800, 100, 900], ReplayOnly with { BackgroundFill = true });
        await served.ResidentAsync();
        Assert.Equal([100 * Served.Page, 800 * Served.Page, 900 * Served.Page], source.Asked.Take(3)); // sorted within a stretch
        Assert.Equal(3, served.Statistics.ReplayedPages);
        Assert.Equal((long)(Length / Served.Page), served.Statistics.FilledPages);
    }

    [Fact]
    public async Task Page_of_the_set_that_cannot_be_had_is_left_to_its_fault()
    {
        var source = new FailingAsyncSource(Pattern.Bytes(Length), page => page == 20);
        await using Served served = await StartAsync(source, [10, 20, 30], ReplayOnly with { SourceRetryDelay = TimeSpan.FromMilliseconds(1) });
        await Served.UntilAsync(() => served.Statistics.ReplayedPages == 2, "the others");
        Assert.Equal(0, served.Statistics.PoisonedPages);
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(20 * Served.Page));
    }

    private static Task<Served> StartAsync(
        IPageSource source,
        ulong[] pages,
        AddressSpaceOptions? options = null,
        TimeSpan? hold = null,
        TargetMemory memory = TargetMemory.Anonymous,
        UffdFeatures features = UffdFeatures.None)
        => Served.StartAsync(Length, source, new Setup
        {
            Memory = memory,
            Features = features,
            Options = (options ?? ReplayOnly) with
            {
                Replay = new WorkingSet(pages.Select(page => new SourceRange(page * Served.Page, Served.Page)), Served.Page, Length),
                ReplayHold = hold ?? TimeSpan.FromSeconds(20),
            },
        });
}
