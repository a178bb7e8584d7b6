namespace Uffd.Paging.Tests.Failure;

/// <summary>Faults on memory that is registered and that the pager was not told of.</summary>
public class OutsideTests
{
    private const ulong Huge = 2 << 20;

    [Theory]
    [InlineData(TargetMemory.Anonymous)]
    [InlineData(TargetMemory.Shmem)]
    public async Task They_are_poisoned_loudly(TargetMemory memory)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(8 * Served.Page));
        await using Served served = await Served.StartAsync(16 * Served.Page, source, new Setup { Memory = memory, Told = 8 * Served.Page });
        TouchResult[] touched = await (await served.Target.BeginTouchAsync(3, 9 * Served.Page, 15 * Served.Page)).JoinTouchesAsync();
        Assert.All(touched, result => Assert.Equal(TouchResult.Sigbus, result));
        Assert.Contains(served.Notices, notice => notice.Kind == PagerNoticeKind.OutsideRegions);
        Assert.True(served.Statistics.OutsideFaults >= 2);
        Assert.Equal(Pattern.Hash(8 * Served.Page), await served.HashAsync(0, 8 * Served.Page));
        await served.ResidentAsync();
    }

    [Theory]
    [InlineData(TargetMemory.Anonymous)]
    [InlineData(TargetMemory.Shmem)]
    public async Task They_are_zeros_where_the_process_may_grow_its_memory(TargetMemory memory)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(8 * Served.Page));
        await using Served served = await Served.StartAsync(16 * Served.Page, source, new Setup { Memory = memory, Features = UffdFeatures.EventRemap, Told = 8 * Served.Page });
        Assert.Equal(Pattern.HashOfZeros(8 * Served.Page), await served.HashAsync(8 * Served.Page, 8 * Served.Page));
        Assert.Equal(Pattern.Hash(8 * Served.Page), await served.HashAsync(0, 8 * Served.Page));
        Assert.Empty(served.Notices);
    }

    [Theory]
    [InlineData(UffdFeatures.None)]
    [InlineData(UffdFeatures.EventRemap)]
    public async Task Huge_pages_are_no_exception(UffdFeatures features)
    {
        using IDisposable reserved = Requires.HugePages(2);
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Huge));
        await using Served served = await Served.StartAsync(2 * Huge, source, new Setup { Memory = TargetMemory.Hugetlb, Features = features, PageSize = Huge, Told = Huge });
        TouchResult touched = await served.Target.TouchAsync(Huge + 9000);
        Assert.Equal(features == UffdFeatures.None ? TouchResult.Sigbus : new TouchResult(0, Signal: null), touched);
        Assert.Equal(Pattern.Hash(Huge), await served.HashAsync(0, Huge));
        Assert.True(served.Statistics.OutsideFaults < 10, $"{served.Statistics.OutsideFaults} faults for one page");
    }
}
