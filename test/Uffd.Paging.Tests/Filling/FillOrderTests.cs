namespace Uffd.Paging.Tests.Filling;

/// <summary>Where the background fill goes.</summary>
public class FillOrderTests
{
    private const ulong Length = 8 << 20;

    [Fact]
    public async Task It_goes_on_from_the_last_fault_and_then_around()
    {
        var source = new Fetching.SlowSource(Pattern.Bytes(Length), concurrency: 2);
        await using Served served = await Served.StartAsync(Length, source, new Setup
        {
            Options = new AddressSpaceOptions { ReadAheadBytes = 0, BackgroundFill = false },
        });
        ulong middle = 1000 * Pattern.Page;
        TargetJob touch = await served.Target.BeginTouchAsync(1, middle);
        (await source.NextAsync()).Answer.SetResult();
        await touch.JoinAsync();
        served.Space.StartBackgroundFill();
        Fetching.SlowSource.Question next = await source.NextAsync();
        Assert.Equal(middle + Served.Page, next.Offset);
        source.AnswerAll();
        next.Answer.SetResult();
        await served.ResidentAsync();
        ulong[] asked = [.. source.Asked];
        int around = Array.IndexOf(asked, 0UL);
        Assert.True(around > 1 && asked.Skip(1).Take(around - 1).All(offset => offset > middle), "it went back before it was at the end");
        Assert.True(asked.Skip(around).All(offset => offset < middle), "it went over the end a second time");
    }

    [Fact]
    public async Task Rate_is_kept()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Length));
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        await using Served served = await Served.StartAsync(Length, source, new Setup
        {
            Options = new AddressSpaceOptions { ReadAheadBytes = 0, BackgroundBytesPerSecond = Length },
        });
        await served.ResidentAsync();
        double seconds = System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds;
        Assert.True(seconds > 0.85, $"8 MiB at 8 MiB a second, a tenth of it at once, took {seconds} s");
        Assert.Equal((long)(Length / Served.Page), served.Statistics.BackgroundPages);
    }

    [Fact]
    public void Rate_gives_a_tenth_of_a_second_at_once_and_then_as_it_is_earned()
    {
        long second = System.Diagnostics.Stopwatch.Frequency;
        var rate = new RateLimit(1000);
        Assert.Equal(TimeSpan.Zero, rate.Wait(0));
        rate.Take(100, 0);
        Assert.Equal(TimeSpan.Zero, rate.Wait(0));
        rate.Take(500, 0);
        Assert.Equal(500, rate.Wait(0).TotalMilliseconds, 0.1);
        Assert.Equal(TimeSpan.Zero, rate.Wait(second / 2));
        Assert.Equal(TimeSpan.Zero, new RateLimit(0).Wait(0));
    }

    [Fact]
    public async Task Faults_are_not_limited()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = new AddressSpaceOptions { BackgroundBytesPerSecond = 4096 } });
        Assert.Equal(Pattern.Hash(Length), await served.HashAsync(0, Length)); // at 4 KiB a second it would take half an hour
    }
}
