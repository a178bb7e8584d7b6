namespace Uffd.Paging.OwnMemory.Tests.Ending;

/// <summary>Disposing a region while it is used: each use ends well or with <see cref="ObjectDisposedException"/>.</summary>
public sealed class DisposeTests
{
    [Fact]
    public async Task Lease_given_back_while_dispose_saves_does_not_take_the_memory_from_under_it()
    {
        using var small = new Small();
        using var gate = new Gate();
        for (int page = 0; page < 20; page += 2)
        {
            small.Memory.Write(Small.At(page), page + 1L);
        }

        PageLease lease = small.Memory.Lease(Small.At(30), 8, PageAccess.Read);
        small.Store.OnWrite = (_, _) => gate.Pass();
        Task dispose = Small.Run(small.Region.Dispose);
        gate.AwaitArrival();
        lease.Dispose();
        Assert.Throws<ObjectDisposedException>(() => small.Memory.Lease(Small.At(200), 8, PageAccess.Read)); // and one that is refused
        gate.Open();
        await dispose;
        for (int page = 0; page < 20; page += 2)
        {
            Assert.Equal(page + 1L, BitConverter.ToInt64(small.Store.Content[(int)Small.At(page)..]));
        }

        Assert.Null(small.Store.Violation);
    }

    [Theory]
    [InlineData(RegionDisposal.Flush)]
    [InlineData(RegionDisposal.Discard)]
    public async Task Dispose_while_threads_do_everything_ends_all_of_them(RegionDisposal disposal)
    {
        for (int round = 0; round < 20; round++)
        {
            using var small = new Small(options: options => options with { OnDispose = disposal, ReadAheadBytes = 1 << 20 });
            using var barrier = new Barrier(9);
            Task[] users = [.. Enumerable.Range(0, 8).Select(user => Small.Run(() => Use(small, user, barrier)))];
            barrier.SignalAndWait(Gate.Patience, TestContext.Current.CancellationToken);
            Thread.SpinWait(round * 20_000); // not for the race to be met, only for it not to be met at the same place each time
            await Small.Run(small.Region.Dispose);
            await Task.WhenAll(users);
            Assert.Null(small.Store.Violation);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Dispose_waits_for_a_read_under_way_and_refuses_what_comes_later(int concurrency)
    {
        using var small = new Small(concurrency: concurrency);
        using var gate = new Gate();
        small.Store.OnRead = (_, _) => gate.Pass();
        Task<byte> sync = Small.Run(() => small.Memory.Read<byte>(0));
        gate.AwaitArrival();
        Task<PageLease> lease = small.Memory.LeaseAsync(0, 8, PageAccess.Read, TestContext.Current.CancellationToken).AsTask();
        Task dispose = Small.Run(small.Region.Dispose);
        Assert.True(SpinWait.SpinUntil(() => Record.Exception(() => small.Region.GetStatistics()) is ObjectDisposedException, Gate.Patience));
        Assert.False(dispose.IsCompleted);
        gate.Open();
        await dispose;
        Assert.True(await Record.ExceptionAsync(() => sync) is null or ObjectDisposedException);
        if (await Record.ExceptionAsync(() => lease) is null)
        {
            using PageLease held = await lease;
            Assert.Equal(0, held.ReadOnlySpan[0]);
        }
        else
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => lease);
        }

        Assert.Throws<ObjectDisposedException>(() => small.Memory.Read<byte>(0));
        Assert.Throws<ObjectDisposedException>(() => small.Memory.Write(0, 1L));
        Assert.Throws<ObjectDisposedException>(() => small.Memory.Lease(0, 1, PageAccess.Read));
        Assert.Throws<ObjectDisposedException>(small.Region.Flush);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => small.Region.FlushAsync(TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await small.Memory.ReadAsync<byte>(0, TestContext.Current.CancellationToken));
        Assert.Throws<ObjectDisposedException>(() => small.Region.MemoryLimit = 1 << 20);
        small.Region.Dispose(); // again: nothing
    }

    [Fact]
    public void Lease_that_outlives_its_region_stays_valid_and_ends_it()
    {
        using var small = new Small();
        PageLease lease = small.Memory.Lease(Small.At(3), 100, PageAccess.Write);
        lease.Span.Fill(1);
        small.Region.Dispose();
        Assert.Equal(1, small.Store.Content[(int)Small.At(3)]);
        Assert.True(lease.IsHeld);
        lease.Span.Fill(2);
        Assert.Equal(2, lease.ReadOnlySpan[99]);
        nint address = lease.UnsafeAddress;
        Assert.True(IsMapped(address));
        lease.Dispose();
        Assert.False(IsMapped(address));
        Assert.Throws<ObjectDisposedException>(() => lease.Span.Length);
    }

    [Fact]
    public void Region_disposes_its_store_once_and_only_if_it_owns_it()
    {
        using (var small = new Small(options: options => options with { OwnsStore = true }))
        {
            small.Memory.Write(0, 1L);
            small.Region.Dispose();
            small.Region.Dispose();
            Assert.Equal(1, small.Store.Disposals);
            Assert.Null(small.Store.Violation);
        }

        using var other = new Small();
        other.Region.Dispose();
        Assert.Equal(0, other.Store.Disposals);
    }

    [Fact]
    public async Task Dispose_while_pages_wait_for_room_ends_them()
    {
        using var small = new Small();
        using var gate = new Gate();
        small.Store.OnWrite = (_, _) => gate.Pass();
        for (int page = 0; page < 50; page++)
        {
            small.Memory.Write(Small.At(page), 1L);
        }

        // Everything else is written too, so that the next miss waits for the store.
        Task writer = Small.Run(() => Record.Exception(() =>
        {
            for (int page = 50; page < 256; page++)
            {
                small.Memory.Write(Small.At(page), 1L);
            }
        }));
        gate.AwaitArrival();
        Task dispose = Small.Run(small.Region.Dispose);
        gate.Open();
        await dispose;
        await writer;
        for (int page = 0; page < 50; page++)
        {
            Assert.Equal(1L, BitConverter.ToInt64(small.Store.Content[(int)Small.At(page)..]));
        }
    }

    private static void Use(Small small, int user, Barrier barrier)
    {
        var random = new Random(user);
        byte[] bytes = new byte[3 * MemoryStore.Page];
        barrier.SignalAndWait(Gate.Patience);
        try
        {
            while (true)
            {
                long offset = random.Next(0, (int)small.Region.Length - bytes.Length);
                switch (user % 8)
                {
                    case 0:
                        small.Memory.Read<long>(offset);
                        break;
                    case 1:
                        small.Memory.Write(offset, 1L);
                        break;
                    case 2:
                        small.Memory.CopyTo(offset, bytes);
                        break;
                    case 3:
                        small.Memory.CopyFrom(offset, bytes);
                        break;
                    case 4:
                        using (PageLease lease = small.Memory.Lease(offset, bytes.Length, PageAccess.Write))
                        {
                            lease.Span.Fill(1);
                        }

                        break;
                    case 5:
                        using (PageLease lease = small.Memory.LeaseAsync(offset, 8, PageAccess.Read).AsTask().GetAwaiter().GetResult())
                        {
                            bytes[0] = lease.ReadOnlySpan[7];
                        }

                        break;
                    case 6:
                        small.Region.Flush();
                        break;
                    default:
                        small.Region.MemoryLimit = (ulong)random.Next(Small.LimitPages, 2 * Small.LimitPages) * (ulong)MemoryStore.Page;
                        small.Region.GetStatistics();
                        break;
                }
            }
        }
        catch (ObjectDisposedException)
        {
            // As it must be.
        }
    }

    private static bool IsMapped(nint address)
        => File.ReadLines("/proc/self/maps").Any(line =>
        {
            string[] bounds = line.Split(' ')[0].Split('-');
            return ulong.Parse(bounds[0], System.Globalization.NumberStyles.HexNumber) <= (ulong)address && (ulong)address < ulong.Parse(bounds[1], System.Globalization.NumberStyles.HexNumber);
        });
}
