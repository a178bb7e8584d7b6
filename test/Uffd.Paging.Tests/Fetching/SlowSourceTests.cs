namespace Uffd.Paging.Tests.Fetching;

/// <summary>A source that takes its time holds up only those who need its pages.</summary>
public class SlowSourceTests
{
    private const ulong Length = 1 << 20;

    private static readonly AddressSpaceOptions DemandOnly = new() { BackgroundFill = false, ReadAheadBytes = 0, SourceRetryDelay = TimeSpan.FromMilliseconds(1) };

    [Fact]
    public async Task Faults_are_on_their_way_side_by_side()
    {
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 16);
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = DemandOnly });
        TargetJob[] touches = await TouchEachAsync(served, Enumerable.Range(0, 16).Select(page => (ulong)page * 3));
        await Served.UntilAsync(() => source.Open == 16, "sixteen reads at once");
        source.AnswerAll();
        await AssertRightAsync(touches, Enumerable.Range(0, 16).Select(page => (ulong)page * 3));
        Assert.Equal(16, served.Statistics.DemandPages);
    }

    [Fact]
    public async Task No_more_reads_at_once_than_the_source_answers()
    {
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 4);
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = DemandOnly });
        TargetJob[] touches = await TouchEachAsync(served, Enumerable.Range(0, 12).Select(page => (ulong)page * 2));
        await served.UntilFaultsAsync(12);
        await Served.UntilAsync(() => source.Open == 4, "four reads");
        source.AnswerAll();
        await AssertRightAsync(touches, Enumerable.Range(0, 12).Select(page => (ulong)page * 2));
        Assert.Equal(4, source.Most);
    }

    [Fact]
    public async Task Answers_in_another_order_find_their_pages()
    {
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 3);
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = DemandOnly });
        TargetJob[] touches = await TouchEachAsync(served, [7, 50, 90]);
        SlowSource.Question[] questions = [await source.NextAsync(), await source.NextAsync(), await source.NextAsync()];
        foreach (SlowSource.Question question in questions.Reverse())
        {
            question.Answer.SetResult();
        }

        await AssertRightAsync(touches, [7, 50, 90]);
    }

    [Fact]
    public async Task Fault_goes_before_the_background_and_its_place_is_kept_free()
    {
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 4);
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = DemandOnly with { BackgroundFill = true } });
        await Served.UntilAsync(() => source.Open == 3, "the background's reads"); // and no more of them: a quarter is for faults
        TargetJob touch = await served.Target.BeginTouchAsync(1, Length - Served.Page);
        await Served.UntilAsync(() => source.Open == 4, "the fault's read, at once");
        Assert.InRange(source.Asked.Last(), Length - BackgroundFill.RunBytes, Length - Served.Page);
        Assert.Equal(4, source.Most);
        source.AnswerAll();
        Assert.Equal(Pattern.ByteAt(Length - Served.Page), Assert.Single(await touch.JoinTouchesAsync()).Value);
        await served.ResidentAsync();
        Assert.Equal(Pattern.Hash(Length), await served.HashAsync(0, Length));
    }

    [Fact]
    public async Task Fault_on_a_page_of_a_read_that_waits_for_its_turn_brings_it_forward()
    {
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 1);
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = DemandOnly with { ReadAheadBytes = Length } });

        // A thread that goes on in order: its run is asked for in blocks, one after the other.
        TargetJob stream = await served.Target.BeginTouchAsync(1, Enumerable.Range(0, 22).Select(page => (ulong)page * Served.Page));
        for (int run = 0; run < 3; run++)
        {
            (await source.NextAsync()).Answer.SetResult(); // pages 0, 1 to 4, 5 to 20
        }

        SlowSource.Question head = await source.NextAsync(); // 21 to 36, and 37 to 84 behind it in three blocks
        await Served.UntilAsync(() => served.Statistics.DemandPages == 3, "the runs before");
        TargetJob waits = await served.Target.BeginTouchAsync(1, 80 * Served.Page);
        await served.UntilFaultsAsync(5);
        head.Answer.SetResult();
        SlowSource.Question next = await source.NextAsync();
        Assert.Equal(69 * Served.Page, next.Offset); // not 37: nobody waits for that
        source.AnswerAll();
        next.Answer.SetResult();
        await stream.JoinAsync();
        Assert.Equal(Pattern.ByteAt(80 * Served.Page), Assert.Single(await waits.JoinTouchesAsync()).Value);
    }

    [Fact]
    public async Task Page_that_is_discarded_while_its_bytes_are_on_their_way_is_zeros()
    {
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 2);
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = DemandOnly, Features = UffdFeatures.EventRemove });
        TargetJob touch = await served.Target.BeginTouchAsync(1, 5 * Served.Page);
        SlowSource.Question question = await source.NextAsync();
        await served.Target.AdviseAsync(MemoryAdvice.DontNeed, 5 * Served.Page, Served.Page);
        Assert.Equal(0, Assert.Single(await touch.JoinTouchesAsync()).Value); // it does not even wait for the answer
        question.Answer.SetResult();
        await Served.UntilAsync(() => source.Open == 0, "the answer");
        Assert.Equal(0, (await served.Target.TouchAsync(5 * Served.Page)).Value);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Source_that_fails_is_asked_again_then_the_page_is_poisoned_and_its_neighbours_are_fine(bool background)
    {
        var source = new FailingAsyncSource(Pattern.Bytes(Length), page => page == 20);
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = DemandOnly with { BackgroundFill = background } });
        if (background)
        {
            await Served.UntilAsync(() => served.Statistics.PendingPages == 1, "all but one page");
        }

        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(20 * Served.Page));
        Assert.Equal(Pattern.Hash(20 * Served.Page), await served.HashAsync(0, 20 * Served.Page));
        Assert.Equal(Pattern.Hash(Length - (21 * Served.Page), offset: 21 * Served.Page), await served.HashAsync(21 * Served.Page, Length - (21 * Served.Page)));
        Assert.Equal(1, served.Statistics.PoisonedPages);
    }

    [Fact]
    public async Task Source_that_never_answers_is_given_up_in_time()
    {
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 8);
        await using Served served = await Served.StartAsync(Length, source, new Setup
        {
            Options = DemandOnly with { SourceTimeout = TimeSpan.FromMilliseconds(50), SourceRetries = 1 },
        });
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(0));
        Assert.Contains(served.Notices, notice => notice.Kind == PagerNoticeKind.PagePoisoned && notice.Message.Contains("has not answered within 0.05 s", StringComparison.Ordinal));
        source.AnswerAll();
        Assert.Equal(Pattern.ByteAt(Served.Page), (await served.Target.TouchAsync(Served.Page)).Value);
    }

    [Fact]
    public async Task Read_that_ignores_its_cancellation_keeps_its_buffer_and_harms_nobody()
    {
        var source = new StubbornSource(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup
        {
            Options = DemandOnly with { SourceTimeout = TimeSpan.FromMilliseconds(50), SourceRetries = 0 },
        });
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(0));
        source.Late.SetResult();
        await Served.UntilAsync(() => source.Written, "the late write"); // into memory that must still be there
        Assert.Equal(Pattern.ByteAt(Served.Page), (await served.Target.TouchAsync(Served.Page)).Value);
    }

    [Fact]
    public async Task Stopping_waits_for_no_answer()
    {
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 8);
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = DemandOnly with { BackgroundFill = true } });
        TargetJob touch = await served.Target.BeginTouchAsync(1, 5 * Served.Page);
        await Served.UntilAsync(() => source.Open > 5, "reads on their way");
        await served.StopAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(TouchResult.Sigbus, Assert.Single(await touch.JoinTouchesAsync())); // poisoned, not zeros
        await Served.UntilAsync(() => source.Open == 0, "the reads to be cancelled");
    }

    [Fact]
    public async Task Holes_and_poison_of_a_slow_source_are_not_read()
    {
        var source = new SlowSource(Pattern.Bytes(Length), concurrency: 4);
        using var holes = new HolesSource(source, hole: 4, poisoned: 6);
        await using Served served = await Served.StartAsync(Length, holes, new Setup { Options = DemandOnly });
        Assert.Equal(0, (await served.Target.TouchAsync(4 * Served.Page)).Value);
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(6 * Served.Page));
        Assert.Empty(source.Asked);
    }

    [Theory]
    [InlineData(TargetMemory.Anonymous, UffdFeatures.None)]
    [InlineData(TargetMemory.Shmem, Served.AllEvents)]
    public async Task Everything_comes_whatever_the_order_of_answers(TargetMemory memory, UffdFeatures features)
    {
        var source = new ShufflingSource(Pattern.Bytes(Length * 8));
        await using Served served = await Served.StartAsync(Length * 8, source, new Setup { Memory = memory, Features = features, Options = new AddressSpaceOptions() });
        Assert.Equal(0UL, await served.RoamAsync(16, 500, salt: 1));
        await served.ResidentAsync();
        Assert.Equal(Pattern.Hash(Length * 8), await served.HashAsync(0, Length * 8));
        Assert.Equal((long)(Length * 8 / Served.Page), served.Statistics.FilledPages);
    }

    private static async Task<TargetJob[]> TouchEachAsync(Served served, IEnumerable<ulong> pages)
    {
        var jobs = new List<TargetJob>();
        foreach (ulong page in pages)
        {
            jobs.Add(await served.Target.BeginTouchAsync(1, page * Served.Page));
        }

        return [.. jobs];
    }

    private static async Task AssertRightAsync(TargetJob[] touches, IEnumerable<ulong> pages)
    {
        foreach ((TargetJob touch, ulong page) in touches.Zip(pages))
        {
            Assert.Equal(Pattern.ByteAt(page * Served.Page), Assert.Single(await touch.JoinTouchesAsync()).Value);
        }
    }
}
