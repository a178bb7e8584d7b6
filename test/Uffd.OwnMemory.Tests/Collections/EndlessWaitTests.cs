using Uffd.Paging;

namespace Uffd.OwnMemory.Tests;

/// <summary>Waits that would never end, or ended wrongly, though no collection had a part in them: found by the hang program's paths.</summary>
/// <remarks>A test that fails leaves its region: the end of it would wait for those who are stuck in it.</remarks>
public class EndlessWaitTests
{
    private const int LimitPages = 64;
    private const int StorePages = 1024;
    private static readonly int Page = Environment.SystemPageSize;
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(15));

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>What is here is less than the low mark, all of it written, and too much for what is asked: it must be saved all the same.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Room_between_the_low_mark_and_the_limit_is_made_for_who_needs_much(bool isAsync)
    {
        PagedRegion region = Create(new GateStore(StorePages));
        for (int page = 0; page < (int)(LimitPages * 0.9) - 2; page++)
        {
            region.Memory.Write(2L * page * Page, (byte)1);
        }

        long free = (StorePages - LimitPages) * Page;
        PageLease lease = isAsync
            ? await region.Memory.LeaseAsync(free, 16 * Page, PageAccess.Read, Stop).AsTask().WaitAsync(Patience, Stop)
            : await Task.Factory.StartNew(() => region.Memory.Lease(free, 16 * Page, PageAccess.Read), Stop, TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(Patience, Stop);
        Assert.True(lease.IsHeld);
        lease.Dispose();
        region.Dispose();
    }

    /// <summary>Others' reads have all the room: who comes waits for them, and is not told that leases hold it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Room_that_pages_on_their_way_have_is_waited_for(bool isAsync)
    {
        var store = new GateStore(StorePages);
        PagedRegion region = Create(store);
        store.Reading.Reset();
        var others = new List<Task>();
        for (int other = 0; other < 4; other++)
        {
            long at = other * 32L * Page;
            others.Add(Task.Factory.StartNew(() => region.Memory.CopyTo(at, new byte[16 * Page]), Stop, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        }

        Assert.True(SpinWait.SpinUntil(() => store.Reads == others.Count && region.GetStatistics().ResidentBytes == (ulong)(LimitPages * Page), Patience));
        Task<byte> late = isAsync
            ? region.Memory.ReadAsync<byte>(900L * Page, Stop).AsTask()
            : Task.Factory.StartNew(() => region.Memory.Read<byte>(900L * Page), Stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await Task.WhenAny(late, Task.Delay(300, Stop)); // many times what the rounds of the region's own thread take
        Assert.False(late.IsCompleted, late.Exception?.ToString());
        store.Reading.Set();
        Assert.Equal(0, await late.WaitAsync(Patience, Stop));
        await Task.WhenAll(others).WaitAsync(Patience, Stop);
        region.Dispose();
    }

    /// <summary>A write that does not throw is in the store, also when it comes while the region ends.</summary>
    [Fact]
    public async Task Write_during_the_end_throws_or_is_saved()
    {
        var store = new GateStore(StorePages);
        PagedRegion region = Create(store);
        region.Memory.Lease(0, Page, PageAccess.Write).Dispose(); // page 0 may be written, and was not
        region.Memory.Write(10L * Page, (byte)1);
        store.Writing.Reset();
        Task end = Task.Factory.StartNew(region.Dispose, Stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.True(SpinWait.SpinUntil(() => store.Writes > 0, Patience)); // what was written is known by now
        Exception? refused = Record.Exception(() => region.Memory.Write(0, (byte)9));
        store.Writing.Set();
        await end.WaitAsync(Patience, Stop);
        Assert.True(refused is ObjectDisposedException || store.Bytes[0] == 9, $"the write was neither refused ({refused?.Message ?? "no"}) nor saved");
        Assert.Equal(1, store.Bytes[10 * Page]);
    }

    private static PagedRegion Create(GateStore store)
        => PagedRegion.Create(store, new PagedRegionOptions { MemoryLimit = (ulong)(LimitPages * Page), ReadAheadBytes = 0 });
}
