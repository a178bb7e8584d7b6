namespace Uffd.Paging.Tests.Fetching;

/// <summary>A source that wants to know whether somebody waits is told.</summary>
public class PrioritizedSourceTests
{
    private const ulong Length = 1 << 20;

    private static readonly AddressSpaceOptions WithFill = new() { ReadAheadBytes = 0 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Faults_are_told_from_what_nobody_waits_for(bool layered)
    {
        var source = new PrioritizedSource(Pattern.Bytes(Length), concurrency: 4);
        using IPageSource served = layered ? new LayeredPageSource(source, []) : source;
        await using Served target = await Served.StartAsync(Length, served, new Setup { Options = WithFill });
        await Served.UntilAsync(() => source.Asked.Count == 3, "the background's reads");
        Assert.All(source.Asked, read => Assert.False(read.IsAwaited));
        TargetJob touch = await target.Target.BeginTouchAsync(1, Length - Served.Page);
        await Served.UntilAsync(() => source.Asked.Count == 4, "the fault's read");
        Assert.True(source.Asked.Last().IsAwaited);
        source.AnswerAll();
        Assert.Equal(Pattern.ByteAt(Length - Served.Page), Assert.Single(await touch.JoinTouchesAsync()).Value);
        await target.ResidentAsync();
        Assert.Equal(Pattern.Hash(Length), await target.HashAsync(0, Length));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Fault_on_a_page_that_is_being_read_is_told_once(bool layered)
    {
        var source = new PrioritizedSource(Pattern.Bytes(Length), concurrency: 4);
        using IPageSource served = layered ? new LayeredPageSource(source, []) : source;
        await using Served target = await Served.StartAsync(Length, served, new Setup { Options = WithFill });
        await Served.UntilAsync(() => source.Asked.Count == 3, "the background's reads");
        (ulong offset, int length, bool _) = source.Asked.ElementAt(1);
        TargetJob touch = await target.Target.BeginTouchAsync(1, offset + Served.Page);
        await Served.UntilAsync(() => !source.Expedited.IsEmpty, "the word that somebody waits");
        TargetJob another = await target.Target.BeginTouchAsync(1, offset + (2 * Served.Page));
        await target.UntilFaultsAsync(2);
        Assert.Equal((offset, length), Assert.Single(source.Expedited));
        Assert.Equal(3, source.Asked.Count); // it is not read twice
        source.AnswerAll();
        Assert.Equal(Pattern.ByteAt(offset + Served.Page), Assert.Single(await touch.JoinTouchesAsync()).Value);
        Assert.Equal(Pattern.ByteAt(offset + (2 * Served.Page)), Assert.Single(await another.JoinTouchesAsync()).Value);
    }

    [Fact]
    public async Task Read_that_is_brought_forward_is_awaited()
    {
        var source = new PrioritizedSource(Pattern.Bytes(Length), concurrency: 1);
        await using Served target = await Served.StartAsync(Length, source, new Setup { Options = new AddressSpaceOptions { BackgroundFill = false, ReadAheadBytes = Length } });

        // A thread that goes on in order: pages 0, 1 to 4, 5 to 20, and then 21 to 84 in blocks, one after the other.
        TargetJob stream = await target.Target.BeginTouchAsync(1, Enumerable.Range(0, 22).Select(page => (ulong)page * Served.Page));
        source.Answer(3);
        await Served.UntilAsync(() => source.Asked.Count == 4, "the first block");
        await Served.UntilAsync(() => target.Statistics.DemandPages == 3, "the runs before");
        TargetJob touch = await target.Target.BeginTouchAsync(1, 80 * Served.Page);
        await target.UntilFaultsAsync(5);
        source.Answer(1);
        await Served.UntilAsync(() => source.Asked.Count == 5, "the block that somebody waits for");
        Assert.Equal((69 * Served.Page, true), (source.Asked.Last().Offset, source.Asked.Last().IsAwaited));
        source.AnswerAll();
        await stream.JoinAsync();
        Assert.Equal(Pattern.ByteAt(80 * Served.Page), Assert.Single(await touch.JoinTouchesAsync()).Value);
        Assert.Empty(source.Expedited);
    }
}
