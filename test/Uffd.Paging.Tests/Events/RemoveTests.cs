namespace Uffd.Paging.Tests.Events;

/// <summary>What the process discarded is zeros, and never the source's bytes again.</summary>
public class RemoveTests
{
    private const ulong Run = BackgroundFill.RunBytes;

    [Theory]
    [InlineData(TargetMemory.Anonymous, "dontneed")]
    [InlineData(TargetMemory.Shmem, "remove")]
    [InlineData(TargetMemory.Memfd, "remove")]
    public async Task Discarded_pages_are_zeros_and_stay_so(TargetMemory memory, string how)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(64 * Served.Page));
        await using Served served = await Served.StartAsync(64 * Served.Page, source, new Setup { Memory = memory, Features = UffdFeatures.EventRemove });
        await served.HashAsync(0, 16 * Served.Page);
        await served.Target.RunAsync($"{how} {8 * Served.Page} {16 * Served.Page}"); // 8 that are there, 8 that are not
        Assert.Equal(16, served.Statistics.RemovedPages);
        Assert.Equal(0, (await served.Target.TouchAsync(9 * Served.Page)).Value);
        served.Space.StartBackgroundFill();
        await served.ResidentAsync();
        await served.Target.WriteAsync(10 * Served.Page, 5);
        Assert.Equal(5, (await served.Target.TouchAsync(10 * Served.Page)).Value);
        await served.Target.RunAsync($"{how} {10 * Served.Page} {Served.Page}"); // again, after it was written
        Assert.Equal(Pattern.HashOfZeros(16 * Served.Page), await served.HashAsync(8 * Served.Page, 16 * Served.Page));
        Assert.Equal(Pattern.Hash(8 * Served.Page), await served.HashAsync(0, 8 * Served.Page));
        Assert.Equal(Pattern.Hash(40 * Served.Page, offset: 24 * Served.Page), await served.HashAsync(24 * Served.Page, 40 * Served.Page));
        Assert.Empty(served.Notices);
    }

    [Fact]
    public async Task Bytes_in_the_backgrounds_hand_are_dropped_when_their_page_is_discarded()
    {
        using var source = new GatedSource(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, new Setup
        {
            Features = UffdFeatures.EventRemove,
            Options = new AddressSpaceOptions(),
        });
        await source.ArrivedAsync();
        await served.Target.RunAsync($"dontneed {4 * Served.Page} {4 * Served.Page}"); // comes back once the event was read
        await Served.UntilAsync(() => served.Statistics.RemovedPages == 4, "the removal");
        source.Open();
        await served.ResidentAsync();
        Assert.Equal(Pattern.HashOfZeros(4 * Served.Page), await served.HashAsync(4 * Served.Page, 4 * Served.Page));
        Assert.Equal(Pattern.Hash(4 * Served.Page), await served.HashAsync(0, 4 * Served.Page));
        Assert.Equal(Pattern.Hash(Run - (8 * Served.Page), offset: 8 * Served.Page), await served.HashAsync(8 * Served.Page, Run - (8 * Served.Page)));
        Assert.Equal(1, source.Reads);
    }

    [Fact]
    public async Task Fault_that_waits_for_a_page_that_is_discarded_under_the_fill_gets_zeros_at_once()
    {
        using var source = new GatedSource(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, new Setup
        {
            Features = UffdFeatures.EventRemove,
            Options = new AddressSpaceOptions(),
        });
        await source.ArrivedAsync();
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 4, 6 * Served.Page);
        await served.UntilFaultsAsync(4);
        await served.Target.RunAsync($"dontneed {6 * Served.Page} {Served.Page}");
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(0, result.Value)); // the gate is still closed
        await served.Target.WriteAsync(6 * Served.Page, 0x42);
        source.Open();
        await served.ResidentAsync();
        Assert.Equal(0x42, (await served.Target.TouchAsync(6 * Served.Page)).Value);
        Assert.Equal(Pattern.Hash(6 * Served.Page), await served.HashAsync(0, 6 * Served.Page));
    }

    [Fact]
    public async Task Fault_whose_fill_meets_an_unread_removal_is_parked_and_gets_zeros()
    {
        // The loop itself has the page in hand, so it reads the removal only after the kernel has refused the fill.
        using var source = new GatedSource(Pattern.Bytes(8 * Served.Page), (offset, _) => offset == 4 * Served.Page);
        await using Served served = await Served.StartAsync(8 * Served.Page, source, new Setup { Features = UffdFeatures.EventRemove, KeepsCopy = true });
        using Userfaultfd other = await served.Target.HandOverAsync();
        await served.Target.TouchAsync(0);
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 4, 4 * Served.Page);
        await source.ArrivedAsync();
        TargetJob discard = await served.Target.BeginAsync($"dontneed {4 * Served.Page} {Served.Page}");
        await Served.UntilEventIsUnreadAsync(other, new AddressRange(served.Region.Start, Served.Page));
        source.Open();
        await discard.JoinAsync();
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(0, result.Value));
        Assert.True(served.Statistics.Retries > 0, "the fill was not refused");
        Assert.Equal(0, served.Statistics.PendingPages - 6);
    }

    [Fact]
    public async Task Fault_elsewhere_is_parked_during_a_removal_and_gets_its_bytes()
    {
        using var source = new GatedSource(Pattern.Bytes(8 * Served.Page), (offset, _) => offset == 4 * Served.Page);
        await using Served served = await Served.StartAsync(8 * Served.Page, source, new Setup { Features = UffdFeatures.EventRemove, KeepsCopy = true });
        using Userfaultfd other = await served.Target.HandOverAsync();
        await served.Target.TouchAsync(0);
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 4, 4 * Served.Page, 5 * Served.Page);
        await source.ArrivedAsync();
        TargetJob discard = await served.Target.BeginAsync($"dontneed {7 * Served.Page} {Served.Page}");
        await Served.UntilEventIsUnreadAsync(other, new AddressRange(served.Region.Start, Served.Page));
        source.Open();
        await discard.JoinAsync();
        foreach (TouchResult[] values in (await touch.JoinTouchesAsync()).Chunk(2))
        {
            Assert.Equal(Pattern.ByteAt(4 * Served.Page), values[0].Value);
            Assert.Equal(Pattern.ByteAt(5 * Served.Page), values[1].Value);
        }

        Assert.True(served.Statistics.Retries > 0, "the fill was not refused");
    }

    [Theory]
    [InlineData(TargetMemory.Anonymous, UffdFeatures.None)]
    [InlineData(TargetMemory.Anonymous, UffdFeatures.EventUnmap | UffdFeatures.EventRemap)]
    [InlineData(TargetMemory.Shmem, UffdFeatures.None)]
    public async Task Without_the_event_a_discarded_page_is_zeros_and_nothing_hangs(TargetMemory memory, UffdFeatures features)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(16 * Served.Page));
        await using Served served = await Served.StartAsync(16 * Served.Page, source, new Setup { Memory = memory, Features = features });
        await served.HashAsync(0, 16 * Served.Page);
        await served.Target.RunAsync($"{(memory == TargetMemory.Anonymous ? "dontneed" : "remove")} {4 * Served.Page} {4 * Served.Page}");
        TouchResult[] touched = await (await served.Target.BeginTouchAsync(4, 4 * Served.Page, 7 * Served.Page)).JoinTouchesAsync();
        Assert.All(touched, result => Assert.Equal(0, result.Value));
        Assert.Equal(Pattern.HashOfZeros(4 * Served.Page), await served.HashAsync(4 * Served.Page, 4 * Served.Page));
        Assert.Equal(4, served.Statistics.RemovedPages);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Storm_of_discards_touches_and_fills_ends_right(bool knowsEvents)
    {
        const ulong Length = 16 << 20;
        const int Pages = 4096;
        int seed = Environment.TickCount;
        var random = new Random(seed);
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup
        {
            Features = knowsEvents ? Served.AllEvents : UffdFeatures.EventRemove,
            Options = new AddressSpaceOptions { BackgroundFill = knowsEvents },
        });
        TargetJob roam = await served.Target.BeginAsync("roam 6 3000 1 0");
        byte[] expected = Pattern.Bytes(Length);
        for (int round = 0; round < 150; round++)
        {
            int page = random.Next(Pages);
            int count = random.Next(1, Math.Min(24, Pages - page) + 1);
            await served.Target.RunAsync($"dontneed {(ulong)page * Served.Page} {(ulong)count * Served.Page}");
            expected.AsSpan(page * (int)Served.Page, count * (int)Served.Page).Clear();
        }

        await roam.JoinAsync();
        Assert.True(NativeTarget.Hash(expected) == await served.HashAsync(0, Length), $"wrong bytes with seed {seed}");
    }
}
