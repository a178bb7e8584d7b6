namespace Uffd.Paging.Tests.Failure;

/// <summary>Pages that are known to be lost: a touch is SIGBUS, without asking anybody, and all others are fine.</summary>
public class LostPagesTests
{
    private const ulong Run = BackgroundFill.RunBytes;
    private const ulong Huge = 2 << 20;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Touch_of_a_lost_page_is_SIGBUS_and_its_neighbours_are_fine(bool background)
    {
        var asked = new CountingSource(Pattern.Bytes(Run));
        using var source = new LostRangesPageSource(asked, [new SourceRange(3 * Served.Page, 2 * Served.Page)]);
        await using Served served = await Served.StartAsync(Run, source, With(background));
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(3 * Served.Page));
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync((5 * Served.Page) - 1));
        Assert.Equal(Pattern.Hash(3 * Served.Page), await served.HashAsync(0, 3 * Served.Page));
        Assert.Equal(Pattern.Hash(Run - (5 * Served.Page), offset: 5 * Served.Page), await served.HashAsync(5 * Served.Page, Run - (5 * Served.Page)));
        await served.ResidentAsync(); // nothing is left to be had
        Assert.Equal(2, served.Statistics.PoisonedPages);
        Assert.Equal(0, served.Statistics.SourceFailures);
        Assert.Equal(0, asked.ReadsOf(3) + asked.ReadsOf(4));
    }

    [Fact]
    public async Task One_lost_byte_costs_its_page()
    {
        using var source = new LostRangesPageSource(new ReadSource(Pattern.Bytes(Run)), [new SourceRange((2 * Served.Page) + 77, 1), new SourceRange((6 * Served.Page) - 1, 2)]);
        await using Served served = await Served.StartAsync(Run, source);
        foreach (ulong page in (ulong[])[2, 5, 6])
        {
            Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(page * Served.Page));
        }

        Assert.Equal(Pattern.Hash(2 * Served.Page), await served.HashAsync(0, 2 * Served.Page));
        Assert.Equal(Pattern.Hash(2 * Served.Page, offset: 3 * Served.Page), await served.HashAsync(3 * Served.Page, 2 * Served.Page));
        Assert.Equal(Pattern.Hash(Run - (7 * Served.Page), offset: 7 * Served.Page), await served.HashAsync(7 * Served.Page, Run - (7 * Served.Page)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Huge_page_with_a_lost_part_is_lost_whole(bool background)
    {
        using IDisposable reserved = Requires.HugePages(3);
        using var source = new LostRangesPageSource(MemoryPageSource.FromBytes(Pattern.Bytes(3 * Huge)), [new SourceRange(Huge + 123_456, 4096)]);
        await using Served served = await Served.StartAsync(3 * Huge, source, With(background) with { Memory = TargetMemory.Hugetlb, PageSize = Huge });
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(Huge));
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync((2 * Huge) - 1));
        Assert.Equal(Pattern.Hash(Huge), await served.HashAsync(0, Huge));
        Assert.Equal(Pattern.Hash(Huge, offset: 2 * Huge), await served.HashAsync(2 * Huge, Huge));
        await served.ResidentAsync();
        Assert.Equal(1, served.Statistics.PoisonedPages);
    }

    [Fact]
    public async Task Lost_page_that_is_discarded_is_zeros()
    {
        using var source = new LostRangesPageSource(new ReadSource(Pattern.Bytes(Run)), [new SourceRange(0, Served.Page)]);
        await using Served served = await Served.StartAsync(Run, source, new Setup { Features = UffdFeatures.EventRemove });
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(0));
        await served.Target.RunAsync($"dontneed 0 {Served.Page}"); // the process gives it up, and begins anew
        Assert.Equal(0, (await served.Target.TouchAsync(0)).Value);
    }

    private static Setup With(bool background) => new() { Options = new AddressSpaceOptions { BackgroundFill = background } };
}
