namespace Uffd.Paging.Tests.Prefetching;

/// <summary>Threads that go through memory in order have few faults, and the same bytes.</summary>
public class SequentialTests
{
    private const ulong Length = 16 << 20;

    [Theory]
    [InlineData(TargetMemory.Anonymous, UffdFeatures.None)]
    [InlineData(TargetMemory.Anonymous, UffdFeatures.ThreadId | Served.AllEvents)]
    [InlineData(TargetMemory.Shmem, UffdFeatures.EventRemove)]
    public async Task One_fault_brings_a_run(TargetMemory memory, UffdFeatures features)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup { Memory = memory, Features = features });
        Assert.Equal(Pattern.Hash(Length), await served.HashAsync(0, Length));
        await served.ResidentAsync(); // counted when it is told, after the touch
        AddressSpaceStatistics statistics = served.Statistics;
        long pages = (long)(Length / Served.Page);
        Assert.Equal(pages, statistics.FilledPages);
        Assert.InRange(statistics.Faults, 1, pages / 10);
        Assert.InRange(statistics.PrefetchHits, pages / 2, pages);
        Assert.InRange(statistics.PrefetchWaste, 0, pages / 100);
    }

    [Fact]
    public async Task Without_read_ahead_each_page_is_a_fault()
    {
        // The control of the one above.
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = new AddressSpaceOptions { BackgroundFill = false, ReadAheadBytes = 0 } });
        Assert.Equal(Pattern.Hash(Length), await served.HashAsync(0, Length));
        await served.ResidentAsync();
        Assert.Equal((long)(Length / Served.Page), served.Statistics.Faults);
    }

    [Fact]
    public async Task Nothing_comes_from_behind_the_region_or_over_what_is_there()
    {
        ulong told = 64 * Pattern.Page;
        var source = new CountingSource(Pattern.Bytes(told));
        await using Served served = await Served.StartAsync(told * 2, source, new Setup { Told = told });
        ulong[] before = [10, 11, 30];
        foreach (ulong page in before)
        {
            await served.Target.TouchAsync(page * Served.Page);
        }

        Assert.Equal(Pattern.Hash(told), await served.HashAsync(0, told));
        await served.ResidentAsync();
        Assert.Empty(source.Repeated);
        Assert.Equal(64UL, served.CountPages(PageCategories.Present));
        Assert.Equal(64, served.Statistics.FilledPages);
    }

    [Fact]
    public async Task Discarded_page_in_the_middle_of_a_run_stays_zeros()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup { Features = UffdFeatures.EventRemove });
        await served.Target.AdviseAsync(MemoryAdvice.DontNeed, 100 * Served.Page, 50 * Served.Page);
        byte[] expected = Pattern.Bytes(Length);
        expected.AsSpan(100 * (int)Served.Page, 50 * (int)Served.Page).Clear();
        Assert.Equal(NativeTarget.Hash(expected), await served.HashAsync(0, Length));
    }
}
