namespace Uffd.Paging.Tests.Stores;

/// <summary>What decorators of stores pass on, count, delay and fail.</summary>
public sealed class StoreDecoratorTests
{
    private static readonly int Page = (int)Pattern.Page;
    private static readonly ulong Pages = Pattern.Page;
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Meter_counts_reads_writes_and_flushes_each_for_itself()
    {
        var clock = new InstantClock();
        var options = new FaultyStoreOptions { Writes = [2], Flushes = [1], Reads = new FaultyOptions { Reads = [3] } };
        var delayed = new DelayedPageStore(
            new FaultyPageStore(new MemoryPageStore(4 * Pages), options),
            reads: SourceLatency.Fixed(TimeSpan.FromMilliseconds(2)),
            writes: SourceLatency.Fixed(TimeSpan.FromMilliseconds(5)),
            flushes: SourceLatency.Fixed(TimeSpan.FromMilliseconds(70)),
            clock: clock);
        using var store = new MeteredPageStore(delayed, clock);
        store.Write(0, Pattern.Bytes(2 * Pages));
        await Assert.ThrowsAsync<IOException>(() => store.WriteAsync(0, Pattern.Bytes(Pages), None).AsTask());
        await store.WriteAsync(0, Pattern.Bytes(Pages), None);
        store.Read(0, new byte[Page]);
        await store.ReadAsync(0, new byte[100], None);
        Assert.Throws<IOException>(() => store.Read(0, new byte[Page]));
        Assert.Throws<IOException>(store.Flush);
        store.Flush();
        StoreStatistics statistics = store.GetStatistics();
        Assert.Equal((2, 3L * Page, 1), (statistics.Writes.Reads, statistics.Writes.Bytes, statistics.Writes.Failures));
        Assert.Equal((2, Page + 100L, 1), (statistics.Reads.Reads, statistics.Reads.Bytes, statistics.Reads.Failures));
        Assert.Equal((1, 0L, 1), (statistics.Flushes.Reads, statistics.Flushes.Bytes, statistics.Flushes.Failures));
        Assert.InRange(statistics.Writes.Latency.Percentile(0.5), 5e6 * 0.9, 5e6 * 1.1);
        Assert.InRange(statistics.Flushes.Latency.Percentile(0.5), 70e6 * 0.9, 70e6 * 1.1);
    }

    [Theory]
    [InlineData(0, 64, 64)]
    [InlineData(0, 0, 0)]
    [InlineData(7, 64, 7)]
    public void Delayed_store_tells_how_much_it_bears(int inner, int told, int expected)
    {
        using var store = new DelayedPageStore(new DelayedPageStore(new MemoryPageStore(Pages), SourceLatency.Fixed(TimeSpan.Zero), concurrency: inner), SourceLatency.Fixed(TimeSpan.Zero), concurrency: told);
        Assert.Equal(expected, store.Concurrency);
    }

    [Fact]
    public void Nothing_passes_by_who_must_see_the_reads()
    {
        using var memory = new MemoryPageStore(Pages);
        Assert.Equal(DirectAccess.Full, memory.GetDirect(0, Pages, out _));
        foreach (IPageStore store in (IPageStore[])[new MeteredPageStore(memory, ownsInner: false), new DelayedPageStore(memory, SourceLatency.Fixed(TimeSpan.Zero), ownsInner: false), new FaultyPageStore(memory, new FaultyStoreOptions(), ownsInner: false)])
        {
            Assert.Equal(DirectAccess.None, store.GetDirect(0, Pages, out ulong address));
            Assert.Equal(0UL, address);
            Assert.Equal(new SourceRun(Pages, SourceRunKind.Hole), store.GetRun(0, Pages));
            store.Dispose();
        }

        memory.Write(0, Pattern.Bytes(Pages)); // it is open still
    }

    [Fact]
    public void Faults_come_by_rate_and_by_seed()
    {
        static bool[] Fates(ulong seed, bool flush)
        {
            using var store = new FaultyPageStore(new MemoryPageStore(Pages), new FaultyStoreOptions { WriteRate = 0.2, FlushRate = 0.2, Seed = seed });
            byte[] page = Pattern.Bytes(Pages);
            bool[] fates = [.. Enumerable.Range(0, 2000).Select(_ => Fails(() =>
            {
                if (flush)
                {
                    store.Flush();
                }
                else
                {
                    store.Write(0, page);
                }
            }))];
            Assert.Equal(fates.Count(fails => fails), flush ? store.FlushFailures : store.WriteFailures);
            Assert.Equal(2000, flush ? store.Flushes : store.Writes);
            return fates;
        }

        foreach (bool flush in (bool[])[true, false])
        {
            Assert.InRange(Fates(1, flush).Count(fails => fails), 320, 480);
            Assert.Equal(Fates(1, flush), Fates(1, flush));
            Assert.NotEqual(Fates(1, flush), Fates(2, flush));
        }
    }

    [Fact]
    public async Task Write_that_fails_has_written_nothing()
    {
        using var store = new FaultyPageStore(new MemoryPageStore(4 * Pages), new FaultyStoreOptions { Writes = [1, 3], WriteRanges = [new SourceRange((3 * Pages) + 7, 1)] });
        Assert.True(Fails(() => store.Write(0, Pattern.Bytes(Pages))));
        store.Write(Pages, Pattern.Bytes(Pages));
        await Assert.ThrowsAsync<IOException>(() => store.WriteAsync(0, Pattern.Bytes(Pages), None).AsTask());
        Assert.True(Fails(() => store.Write(2 * Pages, Pattern.Bytes(2 * Pages))));
        FilePageStoreTests.AssertRead([.. new byte[Page], .. Pattern.Bytes(Pages), .. new byte[2 * Page]], store, 0);
    }

    [Fact]
    public void Torn_write_has_written_its_first_blocks()
    {
        var lengths = new HashSet<int>();
        for (ulong seed = 0; seed < 50; seed++)
        {
            using var store = new FaultyPageStore(new MemoryPageStore(4 * Pages), new FaultyStoreOptions { Writes = [2], TornWrites = true, Seed = seed });
            byte[] before = Pattern.Bytes(4 * Pages, 1);
            byte[] after = Pattern.Bytes(4 * Pages, 2);
            store.Write(0, before);
            Assert.True(Fails(() => store.Write(0, after)));
            byte[] found = new byte[4 * Page];
            store.Read(0, found);
            int torn = found.AsSpan().CommonPrefixLength(after);
            Assert.Equal(0, torn % 512);
            Assert.Equal(before[torn..], found[torn..]);
            lengths.Add(torn);
        }

        Assert.InRange(lengths.Count, 10, 32); // it is not always the same
        Assert.Contains(lengths, length => length % Page != 0);
    }

    [Fact]
    public void Disk_has_room_for_pages_and_not_for_writes()
    {
        using var store = new FaultyPageStore(new MemoryPageStore(8 * Pages), new FaultyStoreOptions { RoomBytes = 3 * Pages });
        store.Write(0, Pattern.Bytes(2 * Pages));
        store.Write(0, Pattern.Bytes(2 * Pages, 2)); // it has its place
        Assert.True(Fails(() => store.Write(Pages, Pattern.Bytes(3 * Pages, 3))));
        FilePageStoreTests.AssertRead(Pattern.Bytes(2 * Pages, 2), store, 0);
        store.Write(Pages, Pattern.Bytes(2 * Pages, 4));
        Assert.Contains("full", Assert.Throws<IOException>(() => store.Write(3 * Pages, new byte[Page])).Message, StringComparison.Ordinal);
        Assert.Equal(2, store.WriteFailures);
    }

    [Fact]
    public void Rate_that_is_none_is_refused()
    {
        using var memory = new MemoryPageStore(Pages);
        foreach (double rate in (double[])[-0.1, 1.1, double.NaN])
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => new FaultyPageStore(memory, new FaultyStoreOptions { WriteRate = rate }));
            Assert.Throws<ArgumentOutOfRangeException>(() => new FaultyPageStore(memory, new FaultyStoreOptions { FlushRate = rate }));
        }
    }

    private static bool Fails(Action action)
    {
        try
        {
            action();
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
