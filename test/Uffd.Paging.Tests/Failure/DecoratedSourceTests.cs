namespace Uffd.Paging.Tests.Failure;

/// <summary>Sources that fail and recover, below the pager's own retries.</summary>
public class DecoratedSourceTests
{
    private const ulong Run = BackgroundFill.RunBytes;

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 0)]
    [InlineData(true, 8)]
    [InlineData(false, 8)]
    public async Task Every_third_read_fails_and_the_process_does_not_notice(bool background, int concurrency)
    {
        const ulong Length = 16 * Run;
        var delayed = new DelayedPageSource(MemoryPageSource.FromBytes(Pattern.Bytes(Length)), SourceLatency.Uniform(TimeSpan.Zero, TimeSpan.FromMilliseconds(1)), concurrency);
        var faulty = new FaultyPageSource(delayed, new FaultyOptions { Rate = 1.0 / 3, Seed = 1 });
        var metered = new MeteredPageSource(faulty);
        using var source = new RetryingPageSource(metered, new RetryOptions { Retries = 20, FirstPause = TimeSpan.FromMilliseconds(1), LongestPause = TimeSpan.FromMilliseconds(2), Seed = 1 });
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = new AddressSpaceOptions { BackgroundFill = background } });
        Assert.Equal(0UL, await served.RoamAsync(8, 20, salt: 1));
        Assert.Equal(Pattern.Hash(Length), await served.HashAsync(0, Length));
        await served.ResidentAsync();
        Assert.Equal(0, served.Statistics.PoisonedPages);
        SourceStatistics statistics = metered.GetStatistics();
        Assert.True(statistics.Failures > 0, "the control: some reads failed");
        Assert.Equal(faulty.Failures, statistics.Failures);
        Assert.Equal(source.Retries, statistics.Failures);
        Assert.True(statistics.Bytes >= (long)Length);
    }

    [Fact]
    public async Task What_fails_for_ever_is_lost_and_no_more()
    {
        const ulong Bad = 3;
        var faulty = new FaultyPageSource(new ReadSource(Pattern.Bytes(Run)), new FaultyOptions { Ranges = [new SourceRange((Bad * Served.Page) + 9, 1)] });
        using var source = new RetryingPageSource(faulty, new RetryOptions { Retries = 2, FirstPause = TimeSpan.FromMilliseconds(1) });
        await using Served served = await Served.StartAsync(Run, source, new Setup
        {
            Options = new AddressSpaceOptions { BackgroundFill = false, SourceRetries = 1, SourceRetryDelay = TimeSpan.FromMilliseconds(1) },
        });
        await SourceFailureTests.AssertOnlyBadIsLostAsync(served);
        Assert.True(source.Retries >= 4, "twice for each of the pager's own attempts");
    }
}
