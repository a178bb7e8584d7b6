namespace Uffd.Paging.Tests.Content;

/// <summary>Pages that are there before the pager is: they stay as they are, and nobody brings them.</summary>
public class AlreadyThereTests
{
    private const ulong Length = 1 << 20;
    private const byte Own = 0x5a;

    private static readonly ulong Page = Served.Page;
    private static readonly SourceRange[] There = [new SourceRange(0, 3 * Page), new SourceRange(200 * Page, 56 * Page), new SourceRange(17 * Page, Page)];

    [Theory]
    [InlineData(true, TargetMemory.Anonymous)]
    [InlineData(false, TargetMemory.Anonymous)]
    [InlineData(true, TargetMemory.Shmem)]
    public async Task They_are_kept_and_the_rest_is_brought(bool fill, TargetMemory memory)
    {
        var source = new CountingSource(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup
        {
            Memory = memory,
            AlreadyThere = There,
            Prepare = FillAsync,
            Options = new AddressSpaceOptions { BackgroundFill = fill },
        });
        if (!fill)
        {
            Assert.Equal(256 - 60, served.Statistics.PendingPages);
            Assert.Equal(60 * (long)Page, served.Statistics.ResidentBytes);
        }

        Assert.Equal(NativeTarget.Hash(Expected()), await served.HashAsync(0, Length));
        await served.ResidentAsync();
        Assert.Equal(0, There.Sum(range => Pages(range).Sum(source.ReadsOf)));
        Assert.Equal((long)Length, served.Statistics.ResidentBytes);
        Assert.Equal(256 - 60, served.Statistics.FilledPages);
    }

    [Fact]
    public async Task Where_all_is_there_nothing_is_waited_for()
    {
        var source = new CountingSource(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup { AlreadyThere = [new SourceRange(0, Length)], Prepare = target => target.FillAsync(0, Length, Own) });
        Assert.True(served.Space.Resident.IsCompleted);
        await served.StopAsync();
        Assert.Equal(Own, (await served.Target.TouchAsync(5 * Page)).Value);
        Assert.Equal(0, source.Total);
    }

    [Fact]
    public async Task Page_that_is_not_there_after_all_is_zeros()
    {
        var source = new CountingSource(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup { AlreadyThere = There });
        Assert.Equal(0, (await served.Target.TouchAsync(17 * Page)).Value);
        Assert.Equal(Pattern.ByteAt(18 * Page), (await served.Target.TouchAsync(18 * Page)).Value);
    }

    [Fact]
    public async Task Forked_child_has_them_too()
    {
        var child = new TaskCompletionSource<AddressSpace>(TaskCreationOptions.RunContinuationsAsynchronously);
        var source = new CountingSource(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup
        {
            AlreadyThere = There,
            Prepare = FillAsync,
            Features = UffdFeatures.EventFork,
            Forked = child.SetResult,
            Options = new AddressSpaceOptions { BackgroundFill = false, ReadAheadBytes = 0 },
        });
        await served.Target.ForkAsync();
        AddressSpace forked = await child.Task.WaitAsync(Served.Patience, TestContext.Current.CancellationToken);
        Assert.Equal(256 - 60, forked.GetStatistics().PendingPages);
        Assert.Equal(NativeTarget.Hash(Expected()), await served.Target.Child.HashAsync(0, Length));
    }

    [Theory]
    [InlineData(0, 100, "whole pages")]
    [InlineData(100, 4096, "whole pages")]
    [InlineData(Length, 4096, "are not of the range")]
    [InlineData(0, Length + 4096, "are not of the range")]
    [InlineData(4096, ulong.MaxValue, "are not of the range")]
    [InlineData(ulong.MaxValue - 4095, 4096, "are not of the range")]
    public void Bad_ones_are_told(ulong offset, ulong length, string why)
    {
        using var source = new ReadSource(new byte[Length]);
        var region = new AddressSpaceRegion(new AddressRange(Length, Length), source) { AlreadyThere = [new SourceRange(0, Page), new SourceRange(offset, length)] };
        Assert.Contains(why, AddressSpaceRegion.Validate([region]), StringComparison.Ordinal);
    }

    [Fact]
    public void Offsets_are_those_of_the_source()
    {
        using var source = new ReadSource(new byte[Length]);
        var region = new AddressSpaceRegion(new AddressRange(Length, 16 * Page), source, SourceOffset: 8 * Page) { AlreadyThere = [new SourceRange(9 * Page, 2 * Page)] };
        var before = new AddressSpaceRegion(new AddressRange(Page, 5 * Page), source);
        Assert.Null(AddressSpaceRegion.Validate([region, before]));
        RegionTable table = RegionTable.Create([region, before]);
        Assert.Equal(5 + 16 - 2, table.Map.CountUnsettled(0, table.Map.Pages));
        Assert.Equal([PageState.Missing, PageState.Present, PageState.Present, PageState.Missing], Enumerable.Range(5, 4).Select(page => table.Map[page]));
        table.Map.Dispose();
        Assert.Contains("are not of the range", AddressSpaceRegion.Validate([region with { AlreadyThere = [new SourceRange(0, Page)] }]), StringComparison.Ordinal);
    }

    private static async Task FillAsync(NativeTarget target)
    {
        foreach (SourceRange range in There)
        {
            await target.FillAsync(range.Offset, range.Length, Own);
        }
    }

    private static IEnumerable<ulong> Pages(SourceRange range) => Enumerable.Range(0, (int)(range.Length / Page)).Select(page => (range.Offset / Page) + (ulong)page);

    private static byte[] Expected()
    {
        byte[] bytes = Pattern.Bytes(Length);
        foreach (SourceRange range in There)
        {
            bytes.AsSpan((int)range.Offset, (int)range.Length).Fill(Own);
        }

        return bytes;
    }
}
