namespace Uffd.Paging.Tests.Events;

/// <summary>Memory that is no longer there is no longer to come.</summary>
public class UnmapTests
{
    private const ulong Run = BackgroundFill.RunBytes;
    private const UffdFeatures Events = UffdFeatures.EventUnmap | UffdFeatures.EventRemove;

    [Theory]
    [InlineData(Events, true)]
    [InlineData(Events, false)]
    [InlineData(UffdFeatures.None, true)]
    public async Task What_is_left_is_right_and_the_rest_is_settled(UffdFeatures features, bool background)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(64 * Served.Page));
        await using Served served = await Served.StartAsync(64 * Served.Page, source, new Setup { Features = features });
        await served.Target.TouchAsync(10 * Served.Page);
        await served.Target.RunAsync($"munmap {8 * Served.Page} {16 * Served.Page}");
        await served.Target.RunAsync($"munmap 0 {Served.Page}");
        if (background)
        {
            served.Space.StartBackgroundFill();
            await served.ResidentAsync();
        }

        Assert.Equal(TouchResult.Sigsegv, await served.Target.TouchAsync(10 * Served.Page));
        Assert.Equal(TouchResult.Sigsegv, await served.Target.TouchAsync(0));
        Assert.Equal(Pattern.Hash(7 * Served.Page, offset: Served.Page), await served.HashAsync(Served.Page, 7 * Served.Page));
        Assert.Equal(Pattern.Hash(40 * Served.Page, offset: 24 * Served.Page), await served.HashAsync(24 * Served.Page, 40 * Served.Page));
        await Served.UntilAsync(() => background || served.Statistics.PendingPages == 0, "nothing more to come");
        await served.StopAsync();
        Assert.Equal(0, served.Statistics.PoisonedPages);
    }

    [Fact]
    public async Task Pages_in_the_backgrounds_hand_may_be_unmapped()
    {
        using var source = new GatedSource(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, new Setup { Features = Events, Options = new AddressSpaceOptions() });
        await source.ArrivedAsync();
        TargetJob touch = await served.Target.BeginTouchAsync(threads: 4, 6 * Served.Page);
        await served.UntilFaultsAsync(4);
        await served.Target.RunAsync($"munmap {4 * Served.Page} {4 * Served.Page}");
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(TouchResult.Sigsegv, result)); // the gate is still closed
        source.Open();
        await served.ResidentAsync();
        Assert.Equal(Pattern.Hash(4 * Served.Page), await served.HashAsync(0, 4 * Served.Page));
        Assert.Equal(Pattern.Hash(Run - (8 * Served.Page), offset: 8 * Served.Page), await served.HashAsync(8 * Served.Page, Run - (8 * Served.Page)));
        Assert.Equal((long)(Run / Served.Page) - 4, served.Statistics.BackgroundPages);
    }

    [Fact]
    public async Task All_of_it_may_be_unmapped()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, new Setup { Features = Events });
        await served.Target.RunAsync($"munmap 0 {Run}");
        await served.ResidentAsync();
        Assert.Equal(TouchResult.Sigsegv, await served.Target.TouchAsync(0));
        await served.StopAsync();
        Assert.Equal(AddressSpaceEnd.Stopped, await served.EndAsync());
    }
}
