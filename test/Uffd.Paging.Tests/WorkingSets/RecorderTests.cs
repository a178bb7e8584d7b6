using System.Diagnostics;

namespace Uffd.Paging.Tests.WorkingSets;

/// <summary>What was touched is what is recorded, in its order.</summary>
public class RecorderTests
{
    [Fact]
    public async Task Order_of_touches_is_the_order_recorded()
    {
        const int Pages = 512;
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Pages * Served.Page));
        var recorder = new WorkingSetRecorder(source);
        await using Served served = await Served.StartAsync(Pages * Served.Page, source, Recording(recorder));
        int[] order = [.. Enumerable.Range(0, Pages)];
        new Random(3).Shuffle(order);
        order = order[..200];
        foreach (int[] some in order.Chunk(50))
        {
            await (await served.Target.BeginTouchAsync(threads: 1, some.Select(page => (ulong)page * Served.Page))).JoinTouchesAsync();
        }

        await served.HashAsync((ulong)order[0] * Served.Page, Served.Page); // there already
        Assert.Equal(order.Select(page => (ulong)page), PagesOf(recorder.ToWorkingSet()));
        Assert.Equal(200, recorder.Pages);
        Assert.Equal(Pages * Served.Page, recorder.ToWorkingSet().ImageLength);
        Assert.Equal(200, served.Statistics.DemandPages);
    }

    [Fact]
    public async Task Pages_touched_one_after_the_other_are_one_run()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(256 * Served.Page));
        var recorder = new WorkingSetRecorder(source);
        await using Served served = await Served.StartAsync(256 * Served.Page, source, Recording(recorder));
        await served.HashAsync(100 * Served.Page, 50 * Served.Page);
        await served.HashAsync(0, 20 * Served.Page);
        Assert.Equal([Sets.Run(100, 50), Sets.Run(0, 20)], recorder.ToWorkingSet().Runs);
    }

    [Fact]
    public async Task Touch_of_a_page_that_the_background_has_in_hand_counts()
    {
        const ulong Run = BackgroundFill.RunBytes;
        using var source = new GatedSource(Pattern.Bytes(Run));
        var recorder = new WorkingSetRecorder(source);
        await using Served served = await Served.StartAsync(Run, source, new Setup { Options = new AddressSpaceOptions { Recorder = recorder, ReadAheadBytes = 0 } });
        await source.ArrivedAsync();
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 2, 5 * Served.Page);
        await served.UntilFaultsAsync(2);
        source.Open();
        await touch.JoinTouchesAsync();
        await served.ResidentAsync();
        await served.HashAsync(0, Run); // there before they were touched: not seen
        Assert.Equal([Sets.Run(5)], recorder.ToWorkingSet().Runs);
    }

    [Fact]
    public async Task Discarded_pages_are_no_part_of_it_and_children_are()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(16 * Served.Page));
        var recorder = new WorkingSetRecorder(source);
        await using Served served = await Served.StartAsync(16 * Served.Page, source, Recording(recorder) with { Features = Served.AllEvents });
        await served.Target.RunAsync($"dontneed {4 * Served.Page} {4 * Served.Page}");
        Assert.Equal(0, (await served.Target.TouchAsync(5 * Served.Page)).Value);
        await served.Target.TouchAsync(9 * Served.Page);
        await served.Target.ForkAsync();
        await served.Target.Child.TouchAsync(2 * Served.Page);
        await served.Target.TouchAsync(2 * Served.Page); // its own page, and the same of the image
        Assert.Equal([Sets.Run(9), Sets.Run(2)], recorder.ToWorkingSet().Runs);
    }

    [Fact]
    public async Task Clients_that_share_a_recorder_make_one_set()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(16 * Served.Page));
        using MemoryPageSource other = MemoryPageSource.FromBytes(Pattern.Bytes(16 * Served.Page));
        var recorder = new WorkingSetRecorder(source);
        await using Served one = await Served.StartAsync(16 * Served.Page, source, Recording(recorder));
        await using Served two = await Served.StartAsync(16 * Served.Page, source, Recording(recorder));
        await using Served stranger = await Served.StartAsync(16 * Served.Page, other, Recording(recorder));
        await one.Target.TouchAsync(7 * Served.Page);
        await two.Target.TouchAsync(3 * Served.Page);
        await two.Target.TouchAsync(7 * Served.Page);
        await stranger.Target.TouchAsync(11 * Served.Page); // of another image
        await one.Target.TouchAsync(0);
        Assert.Equal([Sets.Run(7), Sets.Run(3), Sets.Run(0)], recorder.ToWorkingSet().Runs);
    }

    [Fact]
    public async Task Many_threads_record_each_page_once()
    {
        const int Pages = 100_000; // more than one piece of the bitmap, and many blocks of runs
        using var image = new LengthSource(Pages * Sets.Page);
        var recorder = new WorkingSetRecorder(image);
        using var together = new Barrier(4);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(index => NativeTouch.Run(() =>
        {
            together.SignalAndWait();
            for (int step = 0; step < Pages; step++)
            {
                // A stride that reaches every page, with few neighbours; each thread begins elsewhere.
                recorder.Record(image, (ulong)(((long)(step + (index * 977)) * 7919) % Pages) * Sets.Page, Sets.Page);
            }

            return true;
        })));
        WorkingSet set = recorder.ToWorkingSet();
        Assert.Equal(Pages, recorder.Pages);
        _ = new WorkingSet(set.Runs, set.PageSize, set.ImageLength); // none twice
        Assert.Equal([Sets.Run(0, Pages)], set.Coalesce());
    }

    [Fact]
    public void Too_many_runs_are_counted_and_left_out()
    {
        using var image = new LengthSource(100 * Sets.Page);
        var recorder = new WorkingSetRecorder(image, maxRuns: 2);
        foreach (ulong page in (ulong[])[10, 20, 21, 30, 22, 30])
        {
            recorder.Record(image, page * Sets.Page, Sets.Page);
        }

        Assert.Equal([Sets.Run(10), Sets.Run(20, 3)], recorder.ToWorkingSet().Runs);
        Assert.Equal(1, recorder.LostPages);
        Assert.Equal(4, recorder.Pages);
    }

    [Fact]
    public void Huge_page_is_all_its_pages_up_to_the_images_end()
    {
        using var image = new LengthSource((4 << 20) - 5000);
        var recorder = new WorkingSetRecorder(image);
        recorder.Record(image, (2 << 20) + (3 * Sets.Page), Sets.Page);
        recorder.Record(image, 2 << 20, 2 << 20);
        recorder.Record(image, 8 << 20, 2 << 20); // beyond it
        Assert.Equal([Sets.Run(515), Sets.Run(512, 3), Sets.Run(516, 507)], recorder.ToWorkingSet().Runs);
        Assert.Null(recorder.ToWorkingSet().FindMismatch(image.Length));
    }

    [Fact]
    public void Recording_allocates_next_to_nothing()
    {
        const int Touches = 100_000;
        using var image = new LengthSource(1UL << 30);
        var recorder = new WorkingSetRecorder(image);
        recorder.Record(image, 0, Sets.Page);
        long before = GC.GetAllocatedBytesForCurrentThread();
        long start = Stopwatch.GetTimestamp();
        for (int touch = 0; touch < Touches; touch++)
        {
            recorder.Record(image, (ulong)touch * 7919 % (1 << 18) * Sets.Page, Sets.Page);
        }

        double taken = Stopwatch.GetElapsedTime(start).TotalNanoseconds;
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20 * Touches); // 16 bytes a run
        TestContext.Current.TestOutputHelper?.WriteLine($"{taken / Touches:0} ns a touch");
        before = GC.GetAllocatedBytesForCurrentThread();
        for (int touch = 0; touch < Touches; touch++)
        {
            recorder.Record(image, (ulong)touch * 7919 % (1 << 18) * Sets.Page, Sets.Page);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static Setup Recording(WorkingSetRecorder recorder) => new() { Options = new AddressSpaceOptions { BackgroundFill = false, ReadAheadBytes = 0, Recorder = recorder } };

    private static IEnumerable<ulong> PagesOf(WorkingSet set)
        => set.Runs.SelectMany(run => Enumerable.Range(0, (int)(run.Length / set.PageSize)).Select(index => (run.Offset / set.PageSize) + (ulong)index));

    /// <summary>A source of which only the length matters.</summary>
    private sealed class LengthSource(ulong length) : IPageSource
    {
        public ulong Length => length;

        public void Read(ulong offset, Span<byte> destination) => destination.Clear();

        public void Dispose()
        {
        }
    }
}
