using System.Diagnostics;

namespace Uffd.Paging.Tests.End;

/// <summary>A source that does not answer holds up neither the end nor the process.</summary>
public class BlockedSourceTests
{
    private const ulong Run = BackgroundFill.RunBytes;

    [Fact]
    public async Task Background_that_is_stuck_is_left_behind()
    {
        using var source = new GatedSource(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, new Setup { Features = Served.AllEvents, Options = new AddressSpaceOptions() });
        await source.ArrivedAsync();
        TargetJob touch = await served.Target.BeginTouchAsync(3, 7 * Served.Page);
        await served.UntilFaultsAsync(3);
        long start = Stopwatch.GetTimestamp();
        await served.StopAsync();
        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(9), "too late");
        Assert.Equal(AddressSpaceEnd.Stopped, await served.EndAsync());
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(TouchResult.Sigbus, result));

        // Nobody reads events any more, so nobody may be waited for.
        await served.Target.RunAsync($"dontneed 0 {Served.Page}");
        await served.Target.ForkAsync();
        await served.Target.RunAsync($"munmap {Served.Page} {Served.Page}");
        source.Open();
        await Served.UntilAsync(() => served.Space.ThreadsHaveEnded, "the end of the fill's thread");
        Assert.Equal(0, served.Statistics.BackgroundPages);
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(9 * Served.Page));
    }

    [Fact]
    public async Task Loop_that_is_stuck_is_left_behind()
    {
        using var source = new GatedSource(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, new Setup { Features = Served.AllEvents });
        TargetJob touch = await served.Target.BeginTouchAsync(3, 7 * Served.Page);
        await source.ArrivedAsync();
        long start = Stopwatch.GetTimestamp();
        await served.StopAsync();
        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(15), "too late");
        Assert.All(await touch.JoinTouchesAsync(), result => Assert.Equal(TouchResult.Sigbus, result));
        Assert.Equal(AddressSpaceEnd.Stopped, await served.EndAsync());
        await served.Target.RunAsync($"dontneed 0 {Served.Page}");
        await served.Target.ForkAsync();
        source.Open(); // its thread comes back to an end that was made without it
        await Served.UntilAsync(() => served.Space.ThreadsHaveEnded, "the end of the loop's thread");
        Assert.DoesNotContain(served.Notices, notice => notice.Kind == PagerNoticeKind.ReadFailed);
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(9 * Served.Page));
    }

    [Fact]
    public async Task Many_that_are_stuck_take_no_longer_than_one()
    {
        using var source = new GatedSource(Pattern.Bytes(Run));
        using var pager = new Pager();
        var all = new List<Served>();
        try
        {
            for (int index = 0; index < 4; index++)
            {
                Served served = await Served.StartAsync(Run, source, new Setup { SharedPager = pager });
                all.Add(served);
                await served.Target.BeginTouchAsync(1, 7 * Served.Page);
                await source.ArrivedAsync();
            }

            long start = Stopwatch.GetTimestamp();
            await Served.DisposeInTimeAsync(pager);
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(18), "too late");
            foreach (Served served in all)
            {
                Assert.Equal(AddressSpaceEnd.Stopped, await served.EndAsync());
            }
        }
        finally
        {
            source.Open();
            foreach (Served served in all)
            {
                await served.DisposeAsync();
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Process_that_dies_meanwhile_is_told_of(bool background)
    {
        using var source = new GatedSource(Pattern.Bytes(Run));
        await using Served served = await Served.StartAsync(Run, source, new Setup { Options = new AddressSpaceOptions { BackgroundFill = background } });
        if (background)
        {
            await source.ArrivedAsync(); // the fill first: a fault before it would have the loop inside
            await served.Target.BeginTouchAsync(1, 0);
            await served.UntilFaultsAsync(1);
        }
        else
        {
            await served.Target.BeginTouchAsync(1, 0);
            await source.ArrivedAsync();
        }

        await served.Target.CrashAsync();
        if (!background)
        {
            source.Open(); // the loop itself is inside
        }

        Assert.Equal(AddressSpaceEnd.TargetExited, await served.EndAsync());
    }
}
