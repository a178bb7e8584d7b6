using System.Diagnostics;

namespace Uffd.Paging.Tests.Failure;

/// <summary>What a source cannot give is never zeros and never a hang, and harms nothing else.</summary>
public class SourceFailureTests
{
    private const ulong Run = BackgroundFill.RunBytes;
    private const ulong Bad = 3;

    [Fact]
    public async Task Page_that_cannot_be_had_is_retried_then_poisoned_and_the_rest_is_fine()
    {
        var source = new FlakySource(Pattern.Bytes(Run), (page, _) => page == Bad);
        await using Served served = await Served.StartAsync(Run, source);
        TouchResult[] touched = await (await served.Target.BeginTouchAsync(4, Bad * Served.Page)).JoinTouchesAsync();
        Assert.All(touched, result => Assert.Equal(TouchResult.Sigbus, result));
        IReadOnlyList<long> times = source.TimesOf(Bad);
        Assert.Equal(4, times.Count); // once, and three retries
        for (int retry = 1; retry < times.Count; retry++)
        {
            var pause = TimeSpan.FromMilliseconds(10 << (retry - 1));
            Assert.True(Stopwatch.GetElapsedTime(times[retry - 1], times[retry]) >= pause * 0.99, $"retry {retry} came too early");
        }

        await AssertOnlyBadIsLostAsync(served);
        Assert.Equal(1, served.Statistics.PoisonedPages);
        Assert.Equal(4, served.Statistics.SourceFailures);
        Assert.Equal([PagerNoticeKind.SourceFailed, PagerNoticeKind.PagePoisoned], served.Notices.Select(notice => notice.Kind));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Number_of_retries_is_as_told(int retries)
    {
        var source = new FlakySource(Pattern.Bytes(Run), (page, _) => page == Bad);
        await using Served served = await Served.StartAsync(Run, source, new Setup
        {
            Options = new AddressSpaceOptions { BackgroundFill = false, SourceRetries = retries, SourceRetryDelay = TimeSpan.FromMilliseconds(1) },
        });
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(Bad * Served.Page));
        Assert.Equal(retries + 1, source.TimesOf(Bad).Count);
    }

    [Fact]
    public async Task Source_that_fails_twice_is_asked_a_third_time()
    {
        var source = new FlakySource(Pattern.Bytes(Run), (page, before) => page == Bad && before < 2);
        await using Served served = await Served.StartAsync(Run, source);
        TouchResult[] touched = await (await served.Target.BeginTouchAsync(4, Bad * Served.Page)).JoinTouchesAsync();
        Assert.All(touched, result => Assert.Equal(Pattern.ByteAt(Bad * Served.Page), result.Value));
        Assert.Equal(Pattern.Hash(Run), await served.HashAsync(0, Run));
        Assert.Equal(2, served.Statistics.SourceFailures);
        Assert.Equal(0, served.Statistics.PoisonedPages);
        Assert.Equal(3, source.TimesOf(Bad).Count);
    }

    [Fact]
    public async Task Others_are_served_while_a_page_waits_for_its_retry()
    {
        var source = new FlakySource(Pattern.Bytes(Run), (page, before) => page == Bad && before == 0);
        await using Served served = await Served.StartAsync(Run, source, new Setup
        {
            Features = UffdFeatures.EventRemove,
            Options = new AddressSpaceOptions { BackgroundFill = false, SourceRetryDelay = TimeSpan.FromSeconds(2) },
        });
        TargetJob waiting = await served.Target.BeginTouchAsync(2, Bad * Served.Page);
        await served.UntilNoticeAsync(PagerNoticeKind.SourceFailed);
        Assert.Equal(Pattern.Hash(Run - (4 * Served.Page), offset: 4 * Served.Page), await served.HashAsync(4 * Served.Page, Run - (4 * Served.Page)));
        served.Space.StartBackgroundFill(); // leaves the parked page to the loop
        await Served.UntilAsync(() => served.Statistics.PendingPages == 1, "the rest");
        Assert.False(await waiting.IsDoneAsync());
        await served.Target.RunAsync($"dontneed {Bad * Served.Page} {Served.Page}");
        Assert.All(await waiting.JoinTouchesAsync(), result => Assert.Equal(0, result.Value)); // discarded while it was parked
        Assert.Single(source.TimesOf(Bad));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Process_is_killed_where_the_policy_says_so(bool background)
    {
        var source = new FlakySource(Pattern.Bytes(Run), (page, _) => page == Bad);
        await using Served served = await Served.StartAsync(Run, source, new Setup
        {
            Options = new AddressSpaceOptions
            {
                BackgroundFill = background,
                FailurePolicy = FaultFailurePolicy.Terminate,
                SourceRetryDelay = TimeSpan.FromMilliseconds(1),
            },
        });
        Assert.Equal(Pattern.ByteAt(0), (await served.Target.TouchAsync(0)).Value);
        await Assert.ThrowsAsync<TargetException>(() => served.Target.TouchAsync(Bad * Served.Page));
        Assert.Equal(AddressSpaceEnd.TargetExited, await served.EndAsync());
        Assert.Contains(served.Notices, notice => notice.Kind == PagerNoticeKind.TargetKilled);
        Assert.Equal(0, served.Statistics.PoisonedPages);
    }

    [Fact]
    public async Task Background_leaves_alone_what_fails_and_comes_back_for_it()
    {
        int broken = 1;
        var source = new FlakySource(Pattern.Bytes(4 * Run), (page, _) => page is 5 or 40 && Volatile.Read(ref broken) == 1);
        await using Served served = await Served.StartAsync(4 * Run, source, new Setup { Options = new AddressSpaceOptions() });
        await Served.UntilAsync(() => served.Statistics.PendingPages == 2, "all but the two that fail");
        int before = source.TimesOf(5).Count;
        await Served.UntilAsync(() => source.TimesOf(5).Count > before, "another attempt");
        Assert.Equal(0, served.Statistics.PoisonedPages);
        Assert.False(served.Space.Resident.IsCompleted);
        Volatile.Write(ref broken, 0);
        await served.ResidentAsync();
        Assert.Equal(Pattern.Hash(4 * Run), await served.HashAsync(0, 4 * Run));
        Assert.Equal(0, served.Statistics.PoisonedPages);
    }

    [Fact]
    public async Task Poisoned_page_stays_so_and_holds_up_nobody()
    {
        var source = new FlakySource(Pattern.Bytes(Run), (page, _) => page == Bad);
        await using Served served = await Served.StartAsync(Run, source, new Setup
        {
            Features = UffdFeatures.EventRemove,
            Options = new AddressSpaceOptions { BackgroundFill = false, SourceRetries = 0 },
        });
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(Bad * Served.Page));
        served.Space.StartBackgroundFill();
        await served.ResidentAsync();
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(Bad * Served.Page));
        await served.Target.RunAsync($"dontneed {Bad * Served.Page} {Served.Page}"); // the process gives it up: zeros
        Assert.Equal(0, (await served.Target.TouchAsync(Bad * Served.Page)).Value);
    }

    internal static async Task AssertOnlyBadIsLostAsync(Served served)
    {
        ulong behind = (Bad + 1) * Served.Page;
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(Bad * Served.Page));
        Assert.Equal(Pattern.Hash(Bad * Served.Page), await served.HashAsync(0, Bad * Served.Page));
        Assert.Equal(Pattern.Hash(Run - behind, offset: behind), await served.HashAsync(behind, Run - behind));
    }
}
