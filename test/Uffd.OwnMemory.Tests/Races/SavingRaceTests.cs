namespace Uffd.Paging.OwnMemory.Tests.Races;

/// <summary>Writes that come while their page is on its way to the store.</summary>
public sealed class SavingRaceTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Page_written_while_a_flush_writes_its_copy_is_not_lost(int concurrency)
    {
        using var small = new Small(concurrency: concurrency);
        using var gate = new Gate();
        small.Memory.Write(Small.At(3), 1L);
        small.Store.OnWrite = (_, _) => gate.Pass();
        Task flush = small.Region.FlushAsync(TestContext.Current.CancellationToken);
        gate.AwaitArrival();

        await Small.Run(() => small.Memory.Write(Small.At(3), 2L));
        Assert.Equal(2L, small.Memory.Read<long>(Small.At(3)));
        gate.Open();
        await flush.Soon();
        Assert.Equal(1L, BitConverter.ToInt64(small.Store.Content[(int)Small.At(3)..]));

        await Small.Run(() => small.Evict(3));
        Assert.Equal(2L, small.Memory.Read<long>(Small.At(3)));
        small.Reopen();
        Assert.Equal(2L, small.Memory.Read<long>(Small.At(3)));
        small.AssertSound();
    }

    [Fact]
    public async Task Page_written_while_it_is_saved_to_go_stays_and_is_not_lost()
    {
        using var small = new Small();
        using var gate = new Gate();
        small.Memory.Write(Small.At(0), 1L);
        small.Store.OnWrite = (_, _) => gate.Pass();
        Task pressure = Small.Run(() => small.Evict(0));
        gate.AwaitArrival();

        await Small.Run(() => small.Memory.Write(Small.At(0), 2L));
        Assert.Equal(2L, small.Memory.Read<long>(Small.At(0)));
        Assert.False(small.IsAbsent(0));
        gate.Open();
        await pressure;
        Assert.Equal(2L, small.Memory.Read<long>(Small.At(0)));
        small.AssertSound();
    }

    [Fact]
    public async Task Write_lease_taken_before_a_flush_and_used_after_it_is_not_lost()
    {
        using var small = new Small();
        using (PageLease lease = small.Memory.Lease(Small.At(5), 8, PageAccess.Write))
        {
            small.Region.Flush();
            lease.Span.Fill(7);
        }

        await Small.Run(() => small.Evict(5));
        Assert.Equal(0x0707070707070707, small.Memory.Read<long>(Small.At(5)));
        small.AssertSound();
    }

    [Fact]
    public async Task Write_lease_used_while_its_copy_is_written_is_not_lost()
    {
        using var small = new Small();
        using var gate = new Gate();
        PageLease lease = small.Memory.Lease(Small.At(5), 8, PageAccess.Write);
        lease.Span.Fill(1);
        small.Store.OnWrite = (_, _) => gate.Pass();
        Task flush = small.Region.FlushAsync(TestContext.Current.CancellationToken);
        gate.AwaitArrival();
        lease.Span.Fill(2);
        lease.Dispose();
        gate.Open();
        await flush.Soon();
        await Small.Run(() => small.Evict(5));
        Assert.Equal(2, small.Memory.Read<byte>(Small.At(5)));
        small.AssertSound();
    }

    [Fact]
    public async Task Clean_pages_go_while_a_flush_waits_for_its_store()
    {
        using var small = new Small();
        using var gate = new Gate();
        small.Memory.Write(0, 1L);
        small.Store.OnWrite = (_, _) => gate.Pass();
        Task flush = small.Region.FlushAsync(TestContext.Current.CancellationToken);
        gate.AwaitArrival();
        await Small.Run(() =>
        {
            for (int page = 0; page < 256; page++)
            {
                small.Memory.Read<byte>(Small.At(page));
            }
        });
        Assert.False(flush.IsCompleted);
        gate.Open();
        await flush.Soon();
        small.AssertSound();
    }

    [Fact]
    public async Task Page_is_not_saved_while_an_access_is_inside()
    {
        using var small = new Small();
        using var inside = new Gate();
        small.Memory.Write(0, 1L);
        Task access = Small.Run(() => Inside(small.Region.Address, inside));
        inside.AwaitArrival();
        Task flush = small.Region.FlushAsync(TestContext.Current.CancellationToken);
        Assert.True(SpinWait.SpinUntil(() => (small.Region.Pages.Get(0) & (PageBits.Ready | PageBits.Kind)) == PageBits.Held, Gate.Patience));
        Assert.Equal(0, small.Store.Writes);
        inside.Open();
        await access;
        await flush.Soon();
        Assert.Equal(1, small.Store.Writes);
        small.AssertSound();
    }

    [Fact]
    public async Task Page_does_not_go_while_an_access_is_inside()
    {
        using var small = new Small();
        using var inside = new Gate();
        small.Memory.Read<byte>(0);
        Task access = Small.Run(() => Inside(small.Region.Address, inside));
        inside.AwaitArrival();
        await Small.Run(() =>
        {
            for (int page = 1; page < 1000; page++)
            {
                small.Memory.Read<byte>(Small.At(page % 256 == 0 ? 1 : page % 256));
            }
        });
        Assert.False(small.IsAbsent(0));
        inside.Open();
        await access;
        await Small.Run(() => small.Evict(0)); // the control: without the access it goes
        small.AssertSound();
    }

    /// <summary>An access that was put to sleep between its first and its last instruction.</summary>
    private static void Inside(ulong address, Gate gate)
    {
        ref ThreadSlot slot = ref ThreadSlots.Current;
        ThreadSlots.Enter(ref slot, address, 8);
        gate.Pass();
        ThreadSlots.Leave(ref slot);
    }
}
