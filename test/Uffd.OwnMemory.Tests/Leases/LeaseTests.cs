namespace Uffd.Paging.OwnMemory.Tests.Leases;

/// <summary>What a lease is, and what is left of it when it was given back.</summary>
public sealed class LeaseTests
{
    [Fact]
    public void Lease_given_back_twice_or_by_a_copy_is_given_back_once()
    {
        using var small = new Small();
        PageLease lease = small.Memory.Lease(0, 8, PageAccess.Write);
        PageLease copy = lease;
        lease.Dispose();
        PageLease other = small.Memory.Lease(Small.At(1), 8, PageAccess.Write); // takes the place that was given back
        copy.Dispose();
        lease.Dispose();
        Assert.True(other.IsHeld);
        Assert.Equal(1, small.Region.GetStatistics().Leases);
        Assert.False(copy.IsHeld);
        Assert.Throws<ObjectDisposedException>(() => copy.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => copy.ReadOnlySpan.Length);
        Assert.Throws<ObjectDisposedException>(() => copy.UnsafeAddress);
        other.Dispose();
        small.AssertSound();
    }

    [Fact]
    public void No_lease_at_all_can_be_disposed_and_not_used()
    {
        PageLease none = default;
        Assert.False(none.IsHeld);
        Assert.Throws<ObjectDisposedException>(() => none.Span.Length);
        none.Dispose();
    }

    [Fact]
    public void Lease_to_read_gives_no_span_to_write()
    {
        using var small = new Small();
        using PageLease lease = small.Memory.Lease(0, 8, PageAccess.Read);
        Assert.Throws<InvalidOperationException>(() => lease.Span.Length);
        Assert.Equal(8, lease.ReadOnlySpan.Length);
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, 0)]
    [InlineData(0, -1)]
    [InlineData(long.MaxValue, 8)]
    [InlineData((256 * 4096) - 7, 8)]
    public void Bytes_outside_are_refused(long offset, int length)
    {
        using var small = new Small(length: 256 * 4096);
        Assert.Throws<ArgumentOutOfRangeException>(() => small.Memory.Lease(offset, length, PageAccess.Read));
        if (length > 0)
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => small.Memory.CopyTo(offset, new byte[length]));
            Assert.Throws<ArgumentOutOfRangeException>(() => small.Memory.CopyFrom(offset, new byte[length]));
            Assert.Throws<ArgumentOutOfRangeException>(() => small.Memory.Read<long>(offset));
            Assert.Throws<ArgumentOutOfRangeException>(() => small.Memory.Write(offset, 1L));
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => small.Memory.Slice(offset, length == 0 ? -1 : length));
        small.AssertSound();
    }

    [Fact]
    public async Task Cancelled_waits_hold_nothing()
    {
        using var small = new Small();
        using var gate = new Gate();
        small.Store.OnRead = (_, _) => gate.Pass();
        Task<byte> first = Small.Run(() => small.Memory.Read<byte>(0));
        gate.AwaitArrival();
        using var cancellation = new CancellationTokenSource();
        Task[] waits =
        [
            small.Memory.LeaseAsync(0, 8, PageAccess.Write, cancellation.Token).AsTask(),
            small.Memory.ReadAsync<long>(0, cancellation.Token).AsTask(),
            small.Memory.WriteAsync(0, 1L, cancellation.Token).AsTask(),
            small.Memory.CopyToAsync(0, new byte[8], cancellation.Token).AsTask(),
            small.Memory.CopyFromAsync(0, new byte[8], cancellation.Token).AsTask(),
        ];
        await cancellation.CancelAsync();
        foreach (Task wait in waits)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait.Soon());
        }

        Assert.Equal(0, small.Region.GetStatistics().Leases);
        gate.Open();
        await first;
        small.AssertSound();
    }

    [Fact]
    public async Task Cancelled_wait_for_a_read_of_ones_own_ends_and_the_read_goes_on()
    {
        using var small = new Small(concurrency: 2);
        using var gate = new Gate();
        small.Store.OnRead = (_, _) => gate.Pass();
        using var cancellation = new CancellationTokenSource();
        Task<PageLease> lease = small.Memory.LeaseAsync(0, 8, PageAccess.Read, cancellation.Token).AsTask();
        gate.AwaitArrival();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => lease.Soon());
        Assert.Equal(0, small.Region.GetStatistics().Leases);
        gate.Open();
        Assert.Equal(0, await Small.Run(() => small.Memory.Read<byte>(0)));
        Assert.Equal(1, small.Store.Reads);
        small.AssertSound();
    }

    [Fact]
    public async Task Cancelled_wait_for_room_holds_nothing()
    {
        using var small = new Small();
        using var gate = new Gate();
        small.Store.OnWrite = (_, _) => gate.Pass();
        PageLease[] leases = [.. Enumerable.Range(0, Small.LimitPages).Select(page => small.Memory.Lease(Small.At(page), 8, PageAccess.Write))];
        Array.ForEach(leases, static lease => lease.Span.Fill(1));
        Array.ForEach(leases, static lease => lease.Dispose());
        using var cancellation = new CancellationTokenSource();
        Task<PageLease> wait = small.Memory.LeaseAsync(Small.At(100), 8, PageAccess.Read, cancellation.Token).AsTask();
        gate.AwaitArrival();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait.Soon());
        gate.Open();
        small.AssertSound();
    }
}
