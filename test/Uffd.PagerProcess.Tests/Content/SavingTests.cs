using Uffd.PagerProcess.Tests.Support;
using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Content;

/// <summary>What is saved when, and what is dropped.</summary>
public class SavingTests
{
    [Fact]
    public async Task Flush_has_saved_and_made_durable_when_it_returns()
    {
        Requires.KernelFaults();
        using var image = new TestImage(64);
        await using RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small);
        await region.WriteAsync(5 * 4096, 77, 3 * 4096);
        Assert.NotEqual(77, image.ReadFile(5 * 4096, 1)[0]);
        region.Flush();
        Assert.All(image.ReadFile(5 * 4096, 3 * 4096), value => Assert.Equal(77, value));
        Assert.Equal(1, image.Flushes);
    }

    [Fact]
    public async Task Flush_sees_every_write_that_ended_before_it_while_others_go_on()
    {
        Requires.KernelFaults();
        using var image = new TestImage(256);
        await using RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small);
        using var stop = new CancellationTokenSource();
        Func<Task> write = async () =>
        {
            for (int page = 0; !stop.IsCancellationRequested; page = (page + 7) % 128)
            {
                await region.WriteAsync((128 + page) * 4096, 1);
            }
        };
        Task noise = write();
        for (byte round = 1; round < 60; round++)
        {
            long offset = round * 3 % 128 * 4096;
            await region.WriteAsync(offset, round);
            await region.FlushAsync(TestContext.Current.CancellationToken);
            Assert.Equal(round, image.ReadFile(offset, 1)[0]);
        }

        await stop.CancelAsync();
        await noise;
    }

    [Theory]
    [InlineData(RegionDisposal.Flush)]
    [InlineData(RegionDisposal.Discard)]
    public async Task Disposal_saves_or_drops_as_asked_and_ends_both_processes(RegionDisposal disposal)
    {
        Requires.KernelFaults();
        using var image = new TestImage(16);
        byte before = image.ReadFile(4096, 1)[0];
        RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small with { OnDispose = disposal });
        byte written = (byte)(before ^ 0xff);
        await region.WriteAsync(4096, written);
        await region.DisposeAsync();
        await region.DisposeAsync();
        Assert.Equal(disposal == RegionDisposal.Flush ? written : before, image.ReadFile(4096, 1)[0]);
        Assert.Equal(disposal == RegionDisposal.Flush ? 1 : 0, image.Flushes);
        await Processes.WaitForEndAsync(region.PagerProcessId, TimeSpan.FromSeconds(2));
        await Processes.WaitForEndAsync(region.GuardianProcessId, TimeSpan.FromSeconds(2));
        Assert.Throws<ObjectDisposedException>(() => region.Pointer);
        Assert.Throws<ObjectDisposedException>(() => region.AsSpan(0, 1).Length);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => region.FlushAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Read_only_region_reads()
    {
        Requires.KernelFaults();
        using var image = new TestImage(256);
        await using (RawPagedRegion region = RawPagedRegion.Start(image.Describe() with { IsReadOnly = true }, RegionTouch.Small))
        {
            Assert.True(region.IsReadOnly);
            Assert.Equal(image.ReadFile(0, (int)image.Length), await region.ReadAsync(0, (int)image.Length));
        }

        Assert.Equal(0, image.Flushes);
    }

    [Fact]
    public async Task File_that_is_only_read_needs_no_store_of_ones_own()
    {
        Requires.KernelFaults();
        using var image = new TestImage(256);
        await using RawPagedRegion region = RawPagedRegion.Start(StoreDescription.File(image.Path) with { IsReadOnly = true }, RegionTouch.Small);
        Assert.Equal(image.ReadFile(0, (int)image.Length), await region.ReadAsync(0, (int)image.Length));
    }
}
