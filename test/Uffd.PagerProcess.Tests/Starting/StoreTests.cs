using Uffd.PagerProcess.Tests.Support;
using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Starting;

/// <summary>The stores that the pager program has: what is written to one is there when it is opened again.</summary>
public class StoreTests
{
    private const ulong Length = 256 * 4096;

    [Theory]
    [InlineData(StoreKind.File)]
    [InlineData(StoreKind.DirectFile)]
    [InlineData(StoreKind.Layered)]
    public async Task What_was_written_is_there_when_it_is_opened_again(StoreKind kind)
    {
        Requires.KernelFaults();
        using var image = new TestImage(256);
        using var folder = new TemporaryFolder();
        StoreDescription[] stores = kind switch
        {
            StoreKind.File => [StoreDescription.File(folder.File("new"), Length)],
            StoreKind.DirectFile => [StoreDescription.DirectFile(image.Path)],
            _ => [StoreDescription.Layered(image.Path, folder.File("changes")), StoreDescription.Layered(image.Path, folder.File("others"), folder.File("map"))],
        };
        byte[] expected = kind == StoreKind.File ? new byte[Length] : image.ReadFile(0, (int)Length);
        byte[] before = [.. expected];
        expected.AsSpan(3 * 4096, 5000).Fill(9);
        foreach (StoreDescription store in stores)
        {
            await using (RawPagedRegion region = RawPagedRegion.Start(store, RegionTouch.Small))
            {
                Assert.Equal(before, await region.ReadAsync(0, (int)Length));
                await region.WriteAsync(3 * 4096, 9, 5000);
            }

            await using (RawPagedRegion region = RawPagedRegion.Start(store, RegionTouch.Small))
            {
                Assert.Equal(expected, await region.ReadAsync(0, (int)Length));
            }
        }

        Assert.Equal(kind == StoreKind.DirectFile, image.ReadFile(3 * 4096, 1)[0] == 9); // what lies below layers stays
    }

    [Fact]
    public async Task Memory_is_zeros_at_first_and_keeps_what_leaves()
    {
        Requires.KernelFaults();
        await using RawPagedRegion region = RawPagedRegion.Start(StoreDescription.Memory(Length), RegionTouch.Small);
        Assert.All(await region.ReadAsync(0, (int)Length), value => Assert.Equal(0, value));
        await region.WriteAsync(0, 5, (int)Length);
        Assert.All(await region.ReadAsync(0, (int)Length), value => Assert.Equal(5, value));
        Assert.True(region.GetStatistics().WrittenPages > 0);
    }

    [Fact]
    public void Files_that_cannot_be_opened_are_named()
    {
        Requires.KernelFaults();
        foreach (StoreDescription store in (StoreDescription[])[StoreDescription.File("/nowhere/file"), StoreDescription.Layered("/nowhere/file", "/nowhere/changes")])
        {
            UffdException exception = Assert.Throws<UffdException>(() => RawPagedRegion.Start(store, RegionTouch.Small));
            Assert.Contains("/nowhere/file", exception.Message, StringComparison.Ordinal);
        }
    }
}
