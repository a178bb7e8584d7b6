using Uffd.PagerProcess.Tests.Support;
using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Failure;

/// <summary>What was written and cannot be saved is kept.</summary>
public class WriteFailureTests
{
    [Fact]
    public async Task Flush_tells_and_nothing_is_lost_when_the_store_is_well_again()
    {
        Requires.KernelFaults();
        using var image = new TestImage(64);
        await using RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small);
        var told = new TaskCompletionSource<RawRegionFailedEventArgs>(TaskCreationOptions.RunContinuationsAsynchronously);
        region.Failed += (_, failed) => told.TrySetResult(failed);
        await region.WriteAsync(4096, 5, 4096);
        image.Fail("failwrites");
        IOException exception = await Assert.ThrowsAsync<IOException>(() => region.FlushAsync(TestContext.Current.CancellationToken));
        Assert.Contains("writes fail on command", exception.Message, StringComparison.Ordinal);
        Assert.Equal(RawRegionTrouble.Unsaved, (await told.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken)).Trouble);
        Assert.NotNull(region.Failure);
        Assert.Equal(0, image.Flushes);

        await region.WriteAsync(4096, 6, 10);
        image.Fail("failwrites", fails: false);
        region.Flush();
        Assert.Equal((byte[])[6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 5], image.ReadFile(4096, 11));
        await RegionTouch.UntilAsync(() => region.Failure is null, "the region is told to be well");
    }

    [Fact]
    public async Task Memory_grows_by_what_is_allowed_then_faults_wait_and_go_on_when_saving_works_again()
    {
        Requires.KernelFaults();
        using var image = new TestImage(512);
        await using RawPagedRegion region = RawPagedRegion.Start(
            image.Describe(), RegionTouch.Small with { UnsavedBytes = 256 << 10, UnsavedPatience = TimeSpan.FromSeconds(60), ReadAheadBytes = 0 });
        image.Fail("failwrites");
        Task writes = region.WriteAsync(0, 3, 512 * 4096);
        await RegionTouch.UntilAsync(() => region.GetStatistics() is { DirtyBytes: >= 512 << 10 }, "all room is taken");
        RawRegionStatistics statistics = region.GetStatistics();
        Assert.InRange(statistics.MemoryBytes, 512UL << 10, 512UL << 10);
        Assert.False(writes.IsCompleted);
        Assert.NotNull(region.Failure);

        image.Fail("failwrites", fails: false);
        await writes;
        region.Flush();
        Assert.All(image.ReadFile(0, 512 * 4096), value => Assert.Equal(3, value));
    }

    [Fact]
    public async Task Who_waits_for_room_too_long_is_told_by_a_signal_and_what_was_written_stays()
    {
        Requires.KernelFaults();
        using var image = new TestImage(512);
        await using RawPagedRegion region = RawPagedRegion.Start(
            image.Describe(),
            RegionTouch.Small with { UnsavedBytes = 0, UnsavedPatience = TimeSpan.FromMilliseconds(300), ReadAheadBytes = 0 });
        image.Fail("failwrites");
        await region.WriteAsync(0, 3, 60 * 4096);
        Errno errno = Errno.None;
        for (int page = 60; page < 100 && errno == Errno.None; page++)
        {
            ulong address = (ulong)region.Pointer + ((ulong)page * 4096);
            errno = await NativeTouch.Run(() => GuardedMemory.TryRead(address, new byte[1]));
            if (errno == Errno.None)
            {
                await region.WriteAsync(page * 4096, 3);
            }
        }

        Assert.NotEqual(Errno.None, errno);
        image.Fail("failwrites", fails: false);
        region.Flush();
        Assert.All(image.ReadFile(0, 60 * 4096), value => Assert.Equal(3, value));
    }

    [Fact]
    public async Task Disposal_that_cannot_save_says_so()
    {
        Requires.KernelFaults();
        using var image = new TestImage(16);
        RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small);
        await region.WriteAsync(0, 3);
        image.Fail("failwrites");
        IOException exception = await Assert.ThrowsAsync<IOException>(async () => await region.DisposeAsync());
        Assert.Contains("lost in part", exception.Message, StringComparison.Ordinal);
        Assert.Contains("writes fail on command", exception.Message, StringComparison.Ordinal);
        await Processes.WaitForEndAsync(region.PagerProcessId, TimeSpan.FromSeconds(2));
    }
}
