namespace Uffd.Paging.OwnMemory.Tests.Limits;

/// <summary>Leases and the limit: who finds it full of them is told, nobody else is, and nobody hangs.</summary>
public sealed class LeaseLimitTests
{
    [Theory]
    [InlineData(PageAccess.Read)]
    [InlineData(PageAccess.Write)]
    public async Task Limit_full_of_leases_refuses_the_next_miss_until_one_is_disposed(PageAccess access)
    {
        using var small = new Small();
        PageLease[] leases = [.. Enumerable.Range(0, Small.LimitPages).Select(page => small.Memory.Lease(Small.At(page), 8, access))];
        Exception? sync = await Small.Run(() => Record.Exception(() => small.Memory.Read<byte>(Small.At(100))));
        Assert.Contains("64 leases", Assert.IsType<InvalidOperationException>(sync).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InvalidOperationException>(() => small.Memory.LeaseAsync(Small.At(100), 8, access, TestContext.Current.CancellationToken).AsTask().Soon());
        Assert.Equal(Small.LimitPages, small.Region.GetStatistics().Leases);

        leases[7].Dispose();
        Assert.Equal(0, await Small.Run(() => small.Memory.Read<byte>(Small.At(100))));
        Assert.Equal(0, await small.Memory.ReadAsync<byte>(Small.At(101), TestContext.Current.CancellationToken).AsTask().Soon());
        Assert.All(leases.Where((_, index) => index != 7), static lease => Assert.Equal(0, lease.ReadOnlySpan[0]));
        Array.ForEach(leases, static lease => lease.Dispose());
        small.AssertSound();
    }

    [Theory]
    [InlineData(60)]
    [InlineData(63)]
    public async Task What_leases_leave_can_be_used_to_the_last_page(int leased)
    {
        // Few pages of room: copies of many pages come through them, one after the other.
        using var small = new Small();
        small.Store.Content.Fill(3);
        PageLease[] leases = [.. Enumerable.Range(0, leased).Select(page => small.Memory.Lease(Small.At(page), 8, PageAccess.Read))];
        byte[] found = new byte[100 * MemoryStore.Page];
        await Small.Run(() => small.Memory.CopyTo(Small.At(100) + 5, found));
        Assert.All(found, static value => Assert.Equal(3, value));
        await Small.Run(() => small.Memory.CopyFrom(Small.At(100) + 5, found));
        await Small.Run(() => small.Memory.CopyToAsync(Small.At(100) + 5, found).AsTask().GetAwaiter().GetResult());
        await Small.Run(() => small.Memory.CopyFromAsync(Small.At(100) + 5, found).AsTask().GetAwaiter().GetResult());
        Array.ForEach(leases, static lease => lease.Dispose());
        small.AssertSound();
    }

    [Fact]
    public async Task Room_for_few_is_found_where_there_is_none_for_many()
    {
        // The region's thread has nothing to do below its mark, and who wants a run finds room for a page only.
        using var small = new Small();
        PageLease[] leases = [.. Enumerable.Range(0, 56).Select(page => small.Memory.Lease(Small.At(page), 8, PageAccess.Read))];
        byte[] found = new byte[100 * MemoryStore.Page];
        small.Store.OnWrite = static (_, _) => throw new IOException("the disk is full");
        await Small.Run(() => small.Memory.CopyTo(Small.At(100), found));
        PageLease lease = await Small.Run(() => small.Memory.Lease(Small.At(210), 8 * MemoryStore.Page, PageAccess.Read));
        lease.Dispose();
        Array.ForEach(leases, static one => one.Dispose());
        small.AssertSound();
    }

    [Theory]
    [InlineData(1.0, 1.0)]
    [InlineData(0.001, 0.001)]
    public async Task Any_marks_let_pages_come_and_go(double low, double high)
    {
        using var small = new Small(options: options => options with { LowWatermark = low, HighWatermark = high });
        byte[] bytes = new byte[256 * MemoryStore.Page];
        new Random(1).NextBytes(bytes);
        await Small.Run(() =>
        {
            for (int page = 0; page < 256; page++)
            {
                small.Memory.Write(Small.At(page), (long)page);
            }

            small.Memory.CopyFrom(0, bytes);
        });
        small.Reopen();
        Assert.True(small.Store.Content.SequenceEqual(bytes));
        small.AssertSound();
    }

    [Fact]
    public async Task Lease_may_be_as_long_as_the_limit_also_when_a_part_is_here_already()
    {
        using var small = new Small();
        for (int page = 1; page < Small.LimitPages; page++)
        {
            small.Memory.Read<byte>(Small.At(page));
        }

        PageLease lease = await Small.Run(() => small.Memory.Lease(0, Small.LimitPages * MemoryStore.Page, PageAccess.Write));
        lease.Span.Fill(9);
        lease.Dispose();
        Assert.IsType<InvalidOperationException>(await Small.Run(() => Record.Exception(() => small.Memory.Lease(0, (Small.LimitPages + 1) * MemoryStore.Page, PageAccess.Read))));
        small.Reopen();
        Assert.Equal(9, small.Memory.Read<byte>(Small.At(40)));
        small.AssertSound();
    }

    [Fact]
    public async Task Region_whose_limit_was_lowered_far_still_brings_pages()
    {
        using var small = new Small(pages: 2000, options: static options => options with { MemoryLimit = 2000UL * (ulong)MemoryStore.Page, ReadAheadBytes = 1 << 20 });
        small.Store.Content.Fill(3);
        byte[] found = new byte[2000 * MemoryStore.Page];
        await Small.Run(() => small.Memory.CopyTo(0, found));
        small.Region.MemoryLimit = Small.LimitPages * (ulong)MemoryStore.Page;
        await Small.Run(() => small.Memory.CopyTo(0, found));
        PageLease lease = await Small.Run(() => small.Memory.Lease(Small.At(500), 60 * MemoryStore.Page, PageAccess.Read));
        Assert.Equal(3, lease.ReadOnlySpan[^1]);
        lease.Dispose();
        Assert.All(found, static value => Assert.Equal(3, value));
        small.AssertSound();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    public async Task Many_who_wait_for_a_slow_store_are_not_told_that_leases_are_in_the_way(int concurrency)
    {
        // More threads than the limit has room for at once: those that come last wait for those whose pages are on their way.
        using var small = new Small(pages: 1024, concurrency: concurrency);
        using var gate = new Gate();
        small.Store.OnRead = (_, _) => gate.Pass();
        Task[] readers = [.. Enumerable.Range(0, 12).Select(reader => Small.Run(() =>
        {
            byte[] found = new byte[16 * MemoryStore.Page];
            small.Memory.CopyTo(Small.At(reader * 16), found);
        }))];
        Task[] tasks = [.. Enumerable.Range(20, 12).Select(reader => Task.Run(async () => await small.Memory.CopyToAsync(Small.At(reader * 16), new byte[16 * MemoryStore.Page])))];
        gate.AwaitArrival();
        Assert.True(SpinWait.SpinUntil(() => small.Region.GetStatistics().Stalls >= 8 || readers.Any(static reader => reader.IsCompleted), Gate.Patience));
        gate.Open();
        await Task.WhenAll([.. readers, .. tasks]).Soon();
        small.AssertSound();
    }

    [Fact]
    public async Task Copies_of_many_pages_by_many_threads_do_not_drive_each_other_out_for_ever()
    {
        using var small = new Small(pages: 1024);
        await Task.WhenAll(Enumerable.Range(0, 12).Select(seed => Small.Run(() =>
        {
            byte[] found = new byte[32 * MemoryStore.Page];
            var random = new Random(seed);
            for (int turn = 0; turn < 30; turn++)
            {
                long offset = random.Next(0, 1024 * MemoryStore.Page - found.Length);
                small.Memory.CopyTo(offset, found);
                small.Memory.CopyToAsync(offset, found).AsTask().GetAwaiter().GetResult();
            }
        })));
        small.AssertSound();
    }
}
