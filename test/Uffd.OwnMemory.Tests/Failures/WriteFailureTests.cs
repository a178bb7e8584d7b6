namespace Uffd.Paging.OwnMemory.Tests.Failures;

/// <summary>A store that does not take pages: nothing is lost, everything can be read, and a flush that succeeds heals.</summary>
public sealed class WriteFailureTests
{
    private const int Pages = 256;

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task Store_that_fails_while_writers_go_on_loses_nothing(int concurrency)
    {
        using var small = new Small(Pages, concurrency: concurrency);
        int accepted = 0;
        bool isBroken = true;
        small.Store.OnWrite = (_, _) =>
        {
            if (Volatile.Read(ref isBroken))
            {
                throw new IOException("the disk is full");
            }
        };

        // Writes until it is refused; what was accepted before counts.
        Exception? refusal = await Small.Run(() => Record.Exception(() =>
        {
            for (int page = 0; page < Pages; page++)
            {
                small.Memory.Write(Small.At(page), page + 1000L);
                accepted++;
            }
        }));
        Assert.IsType<IOException>(refusal, exactMatch: false);
        Assert.Contains("the disk is full", refusal.Message, StringComparison.Ordinal);
        Assert.True(small.Region.IsReadOnly);
        Assert.Throws<RegionReadOnlyException>(() => small.Memory.Write(0, 1L));
        Assert.Throws<RegionReadOnlyException>(() => small.Memory.Lease(0, 8, PageAccess.Write));
        Assert.Throws<RegionReadOnlyException>(() => small.Memory.CopyFrom(0, [1, 2, 3]));
        await Assert.ThrowsAsync<RegionReadOnlyException>(async () => await small.Memory.WriteAsync(0, 1L, TestContext.Current.CancellationToken));
        Assert.Throws<IOException>(small.Region.Flush);
        for (int page = 0; page < accepted; page++)
        {
            Assert.Equal(page + 1000L, small.Memory.Read<long>(Small.At(page)));
        }

        Volatile.Write(ref isBroken, false);
        await Small.Run(small.Region.Flush);
        Assert.False(small.Region.IsReadOnly);
        for (int page = 0; page < Pages; page++)
        {
            Assert.Equal(page < accepted ? page + 1000L : 0, BitConverter.ToInt64(small.Store.Content[(int)Small.At(page)..]));
        }

        small.Memory.Write(0, -1L);
        await Small.Run(() => small.Evict(0));
        Assert.Equal(-1L, small.Memory.Read<long>(0));
        small.AssertSound();
    }

    [Fact]
    public async Task Limit_full_of_unsaved_pages_refuses_misses_and_serves_what_is_here()
    {
        using var small = new Small(Pages);
        small.Store.OnWrite = static (_, _) => throw new IOException("the disk is full");
        PageLease[] leases = [.. Enumerable.Range(0, Small.LimitPages).Select(page => small.Memory.Lease(Small.At(page), 8, PageAccess.Read))];
        for (int page = 0; page < Small.LimitPages; page++)
        {
            Assert.False(small.Region.IsReadOnly); // there was no need to save any
            small.Memory.Write(Small.At(page), (byte)page);
        }

        Array.ForEach(leases, static lease => lease.Dispose());
        Exception? sync = await Small.Run(() => Record.Exception(() => small.Memory.Read<byte>(Small.At(100))));
        Assert.Contains("the disk is full", Assert.IsType<IOException>(sync).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<IOException>(() => small.Memory.ReadAsync<byte>(Small.At(101), TestContext.Current.CancellationToken).AsTask().Soon());
        for (int page = 0; page < Small.LimitPages; page++)
        {
            Assert.Equal(page, small.Memory.Read<byte>(Small.At(page)));
        }

        small.Store.OnWrite = null;
        await Small.Run(small.Region.Flush);
        Assert.Equal(0, small.Memory.Read<byte>(Small.At(100)));
        small.AssertSound();
    }

    [Fact]
    public void Flush_of_the_store_that_fails_is_told_and_heals()
    {
        using var small = new Small(Pages);
        small.Memory.Write(0, 1L);
        small.Store.OnFlush = static () => throw new IOException("no answer");
        Assert.Throws<IOException>(small.Region.Flush);
        Assert.True(small.Region.IsReadOnly);
        Assert.Throws<RegionReadOnlyException>(() => small.Memory.Write(0, 2L));
        Assert.Equal(1L, small.Memory.Read<long>(0));
        small.Store.OnFlush = null;
        small.Region.Flush();
        small.Memory.Write(0, 2L);
        small.Region.Flush();
        Assert.Equal(2L, BitConverter.ToInt64(small.Store.Content));
        small.AssertSound();
    }

    [Fact]
    public void Odd_exceptions_of_a_store_are_failures_to_write()
    {
        using var small = new Small(Pages);
        small.Memory.Write(0, 1L);
        small.Store.OnWrite = static (_, _) => throw new NotSupportedException("odd");
        Assert.Throws<IOException>(small.Region.Flush);
        small.Store.OnWrite = null;
        small.Store.OnFlush = static () => throw new FormatException("odder");
        Assert.IsType<IOException>(Record.Exception(small.Region.Flush), exactMatch: false);
        Assert.Contains("odd", small.Region.ReadOnlyReason?.Message, StringComparison.Ordinal);
        small.Store.OnFlush = null;
        small.Region.Flush();
        Assert.Equal(1L, BitConverter.ToInt64(small.Store.Content));
        small.AssertSound();
    }

    [Fact]
    public async Task Odd_exceptions_of_a_source_end_the_access_and_not_the_process()
    {
        using var small = new Small(Pages, options: options => options with { ReadAheadBytes = 1 << 20 });
        small.Store.OnGetRun = static (offset, _) =>
        {
            if (offset >= Small.At(20))
            {
                throw new NotSupportedException("odd"); // met by the threads that read ahead as well
            }
        };
        await Small.Run(() =>
        {
            for (int page = 0; page < 20; page++)
            {
                small.Memory.Read<byte>(Small.At(page));
            }
        });
        small.Region.Prefetch(0, Small.At(200));
        Assert.NotNull(await Small.Run(() => Record.Exception(() => small.Memory.Read<byte>(Small.At(30)))));
        small.Store.OnGetRun = null;
        Assert.Equal(0, small.Memory.Read<byte>(Small.At(30)));
        small.AssertSound();
    }

    [Fact]
    public void Dispose_that_cannot_save_says_so_and_discarding_does_not_try()
    {
        using (var small = new Small(Pages))
        {
            small.Memory.Write(0, 1L);
            small.Store.OnWrite = static (_, _) => throw new IOException("the disk is full");
            Assert.Throws<IOException>(small.Region.Dispose);
            Assert.Throws<ObjectDisposedException>(() => small.Memory.Read<long>(0));
        }

        using var other = new Small(Pages, options: options => options with { OnDispose = RegionDisposal.Discard });
        other.Memory.Write(0, 1L);
        other.Region.Dispose();
        Assert.Equal(0, other.Store.Writes);
        Assert.Equal(0, BitConverter.ToInt64(other.Store.Content));
    }
}
