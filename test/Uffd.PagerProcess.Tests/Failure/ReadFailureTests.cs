using Uffd.PagerProcess.Tests.Support;
using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Failure;

/// <summary>A page that cannot be read is SIGBUS, and never zeros; the others go on.</summary>
public class ReadFailureTests
{
    private const int Aborted = 128 + 6; // .NET's own end of a process whose managed code gets SIGBUS
    private const long Limit = 256 << 10;

    [Fact]
    public async Task Page_that_cannot_be_read_is_a_signal()
    {
        Requires.KernelFaults();
        using var image = new TestImage(64);
        using ClientProcess client = ClientProcess.Start("touch", image.Path, Limit, 8 * 4096);
        await client.BeReadyAsync();
        image.Fail("failreads");
        await client.SayAsync("touch");
        Assert.Equal(Aborted, await client.WaitForExitAsync(ClientProcess.Patience));
    }

    [Fact]
    public async Task Process_is_killed_instead_where_that_was_asked()
    {
        Requires.KernelFaults();
        using var image = new TestImage(64);
        using ClientProcess client = ClientProcess.Start("touch", image.Path, Limit, 8 * 4096, (long)FaultFailurePolicy.Terminate);
        await client.BeReadyAsync();
        image.Fail("failreads");
        await client.SayAsync("touch");
        Assert.Equal(128 + 9, await client.WaitForExitAsync(ClientProcess.Patience));
        await Processes.WaitForEndAsync(client.PagerProcessId, TimeSpan.FromSeconds(5));
        Assert.Equal(42UL, BitConverter.ToUInt64(image.ReadFile(0, 8)));
    }

    [Fact]
    public async Task Page_that_is_lost_is_a_signal_and_its_neighbour_is_not()
    {
        Requires.KernelFaults();
        using var image = new TestImage(64);
        image.Lose(9 * 4096);
        using ClientProcess neighbour = ClientProcess.Start("touch", image.Path, Limit, 8 * 4096);
        await neighbour.BeReadyAsync();
        await neighbour.SayAsync("touch");
        Assert.StartsWith("value", await neighbour.ReadLineAsync(), StringComparison.Ordinal);
        using ClientProcess client = ClientProcess.Start("touch", image.Path, Limit, 9 * 4096);
        await client.BeReadyAsync();
        await client.SayAsync("touch");
        Assert.Equal(Aborted, await client.WaitForExitAsync(ClientProcess.Patience));
    }

    [Fact]
    public async Task Lost_page_is_told_and_the_region_goes_on()
    {
        Requires.KernelFaults();
        using var image = new TestImage(64);
        image.Lose(3 * 4096);
        await using RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small);
        var told = new TaskCompletionSource<RawRegionFailedEventArgs>(TaskCreationOptions.RunContinuationsAsynchronously);
        region.Failed += (_, failed) => told.TrySetResult(failed);

        // The kernel's touch of a poisoned page is an error, and no signal.
        Assert.NotEqual(Errno.None, await NativeTouch.Run(() => GuardedMemory.TryRead((ulong)region.Pointer + (3 * 4096), new byte[1])));
        RawRegionFailedEventArgs failure = await told.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Assert.Equal(RawRegionTrouble.PageLost, failure.Trouble);
        Assert.Contains("12288", failure.Message, StringComparison.Ordinal);
        Assert.Equal(image.ReadFile(4 * 4096, 60 * 4096), await region.ReadAsync(4 * 4096, 60 * 4096));
        Assert.Equal(1, region.GetStatistics().PoisonedPages);
        await region.WriteAsync(0, 1);
        region.Flush();
    }

    [Fact]
    public async Task Store_that_is_well_again_in_time_is_not_noticed()
    {
        Requires.KernelFaults();
        using var image = new TestImage(64);
        await using RawPagedRegion region = RawPagedRegion.Start(image.Describe(), RegionTouch.Small with { Retries = 100 });
        image.Fail("failreads");
        Task<byte[]> touch = region.ReadAsync(0, 4096);
        await RegionTouch.UntilAsync(() => region.GetStatistics().ReadFailures > 1, "a retry");
        Assert.False(touch.IsCompleted);
        image.Fail("failreads", fails: false);
        Assert.Equal(image.ReadFile(0, 4096), await touch);
        Assert.Null(region.Failure);
    }
}
