namespace Uffd.Paging.Tests.Stores;

/// <summary>A store over a base: whose page is whose, and what is passed on.</summary>
public sealed class LayeredPageStoreTests
{
    private static readonly int Page = (int)Pattern.Page;
    private static readonly ulong Pages = Pattern.Page;

    [Fact]
    public void What_is_written_is_the_stores_and_all_else_the_bases()
    {
        var image = new RunSource(1, new Part(SourceRunKind.Data, 8 * Page));
        using var store = new LayeredPageStore(image, new MemoryPageStore(8 * Pages));
        store.Write(2 * Pages, Pattern.Bytes(2 * Pages, 2));
        byte[] expected = [.. Pattern.Bytes(2 * Pages, 1), .. Pattern.Bytes(2 * Pages, 2), .. Pattern.Bytes(4 * Pages, 1, 4 * Pages)];
        FilePageStoreTests.AssertRead(expected, store, 0);
        FilePageStoreTests.AssertRead(expected[(Page + 5)..(5 * Page)], store, Pages + 5); // from one into the other and back
        Assert.Equal(Pattern.Bytes(8 * Pages, 1), image.Bytes);
    }

    [Fact]
    public async Task Slow_layers_are_read_and_written_at_once()
    {
        var image = new RunSource(1, new Part(SourceRunKind.Data, 8 * Page)) { Concurrency = 4 };
        var metered = new MeteredPageStore(new DelayedPageStore(new MemoryPageStore(8 * Pages), SourceLatency.Fixed(TimeSpan.Zero), concurrency: 3));
        using var store = new LayeredPageStore(image, metered);
        Assert.Equal(3, store.Concurrency);
        await store.WriteAsync(0, Pattern.Bytes(Pages, 2), CancellationToken.None);
        await store.WriteAsync(4 * Pages, Pattern.Bytes(Pages, 2), CancellationToken.None);
        byte[] found = new byte[8 * Page];
        await store.ReadAsync(0, found, CancellationToken.None);
        Assert.Equal([.. Pattern.Bytes(Pages, 2), .. Pattern.Bytes(3 * Pages, 1, Pages), .. Pattern.Bytes(Pages, 2), .. Pattern.Bytes(3 * Pages, 1, 5 * Pages)], found);
        store.Flush();
        StoreStatistics statistics = metered.GetStatistics();
        Assert.Equal((2, 2, 1), (statistics.Reads.Reads, statistics.Writes.Reads, statistics.Flushes.Reads)); // nothing of it is read for the base's pages
    }

    [Fact]
    public void What_is_known_of_the_base_is_passed_on_until_it_is_written()
    {
        var image = new RunSource(1, new Part(SourceRunKind.Zero, 2 * Page), new Part(SourceRunKind.Poisoned, 2 * Page), new Part(SourceRunKind.Hole, 2 * Page), new Part(SourceRunKind.Data, Page));
        using var store = new LayeredPageStore(image, new MemoryPageStore(7 * Pages));
        Assert.Equal(new SourceRun(2 * Pages, SourceRunKind.Zero), store.GetRun(0, 99 * Pages));
        Assert.Equal(new SourceRun(2 * Pages, SourceRunKind.Poisoned), store.GetRun(2 * Pages, 99 * Pages));
        Assert.Equal(new SourceRun(2 * Pages, SourceRunKind.Hole), store.GetRun(4 * Pages, 99 * Pages));
        Assert.Throws<IOException>(() => store.Read(2 * Pages, new byte[Page]));
        store.Write(3 * Pages, new byte[Page]);
        Assert.Equal(new SourceRun(Pages, SourceRunKind.Poisoned), store.GetRun(2 * Pages, 99 * Pages));
        Assert.Equal(new SourceRun(Pages, SourceRunKind.Data), store.GetRun(3 * Pages, 99 * Pages));
        FilePageStoreTests.AssertRead(new byte[Page], store, 3 * Pages);
    }

    [Fact]
    public void Zeros_that_were_written_hide_the_base_also_when_the_store_forgets_them()
    {
        var image = new RunSource(1, new Part(SourceRunKind.Data, 4 * Page));
        using var store = new LayeredPageStore(image, new AllHoles(4 * Pages));
        store.Write(Pages, new byte[Page]);
        Assert.Equal(new SourceRun(Pages, SourceRunKind.Zero), store.GetRun(Pages, Pages));
        FilePageStoreTests.AssertRead([.. Pattern.Bytes(Pages, 1), .. new byte[Page], .. Pattern.Bytes(Pages, 1, 2 * Pages)], store, 0);
    }

    [Fact]
    public void Direct_access_shows_what_is_written_later()
    {
        var image = new RunSource(1, new Part(SourceRunKind.Data, 4 * Page)) { Direct = true };
        using var store = new LayeredPageStore(image, new MemoryPageStore(4 * Pages));
        Assert.Equal(DirectAccess.None, store.GetDirect(0, Pages, out _)); // the base's address would not
        store.Write(0, Pattern.Bytes(Pages, 2));
        Assert.Equal(DirectAccess.Full, store.GetDirect(0, Pages, out _));
        Assert.Equal(DirectAccess.None, store.GetDirect(0, 2 * Pages, out _));
    }

    [Fact]
    public void Changes_are_found_again_and_those_of_a_terabyte_cost_little()
    {
        const ulong Length = 1UL << 40;
        using var folder = new TemporaryFolder();
        Sparse.Write(folder.File("base"), Length, 1, (0, 8 * Pages));
        for (ulong round = 0; round < 3; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            using LayeredPageStore store = Open(folder, Length);
            FilePageStoreTests.AssertRead(Pattern.Bytes(8 * Pages)[..Page], store, 0);
            for (ulong earlier = 0; earlier < round; earlier++)
            {
                FilePageStoreTests.AssertRead(Pattern.Bytes(Pages, earlier + 2), store, (earlier + 1) * Pages);
                FilePageStoreTests.AssertRead(Pattern.Bytes(Pages, earlier + 2), store, (earlier + 1) << 36);
            }

            store.Write((round + 1) * Pages, Pattern.Bytes(Pages, round + 2));
            store.Write((round + 1) << 36, Pattern.Bytes(Pages, round + 2));
            store.Flush();
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20); // a bit for each page would be 32 MiB
        }
    }

    [Fact]
    public void Map_knows_the_zeros_that_a_copy_of_the_changes_made_to_holes()
    {
        using var image = new RunSource(1, new Part(SourceRunKind.Data, 8 * Page));
        using var changes = new Noted(8 * Pages);
        using var map = new MemoryPageStore(LayeredPageStore.GetMapLength(8 * Pages));
        using (var store = new LayeredPageStore(image, changes, map, ownsLayers: false))
        {
            store.Write(Pages, new byte[Page]);
            store.Write(4 * Pages, Pattern.Bytes(Pages, 2));
            store.Flush();
            store.Write(6 * Pages, Pattern.Bytes(Pages, 3)); // never flushed
        }

        using var again = new LayeredPageStore(image, changes, map, ownsLayers: false);
        FilePageStoreTests.AssertRead(
            [.. Pattern.Bytes(Pages, 1), .. new byte[Page], .. Pattern.Bytes(2 * Pages, 1, 2 * Pages), .. Pattern.Bytes(Pages, 2), .. Pattern.Bytes(3 * Pages, 1, 5 * Pages)], again, 0);
        using var other = new MemoryPageStore(2 * Pages);
        Assert.Contains("the map has", Assert.Throws<ArgumentException>(() => new LayeredPageStore(image, changes, other, ownsLayers: false)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Map_never_tells_of_a_page_before_it_is_durable()
    {
        // A page is written while the changes are flushed: after a loss of power it may be gone, so the map of that flush must not have it.
        using var image = new RunSource(1, new Part(SourceRunKind.Data, 8 * Page));
        using var changes = new Noted(8 * Pages);
        using var map = new MemoryPageStore(LayeredPageStore.GetMapLength(8 * Pages));
        using var store = new LayeredPageStore(image, changes, map, ownsLayers: false);
        store.Write(Pages, Pattern.Bytes(Pages, 2));
        changes.Flushing = () => store.Write(3 * Pages, Pattern.Bytes(Pages, 2));
        store.Flush();
        Assert.Equal([1], Bits(map));
        changes.Flushing = () => throw new IOException("on purpose");
        Assert.Throws<IOException>(store.Flush);
        Assert.Equal([1], Bits(map));
        changes.Flushing = () => { };
        store.Flush();
        Assert.Equal([1, 3], Bits(map)); // what a failed flush did not keep the next one does
        int writes = changes.Flushes;
        store.Write(3 * Pages, Pattern.Bytes(Pages, 4)); // no new page: the map is as it is
        store.Flush();
        Assert.Equal(writes + 1, changes.Flushes);

        static int[] Bits(MemoryPageStore map)
        {
            byte[] bits = new byte[map.Length];
            map.Read(0, bits);
            return [.. Enumerable.Range(0, bits.Length * 8).Where(bit => (bits[bit / 8] >> (bit % 8) & 1) != 0)];
        }
    }

    [Fact]
    public void Failed_write_leaves_the_bases_page()
    {
        var image = new RunSource(1, new Part(SourceRunKind.Data, 4 * Page));
        using var store = new LayeredPageStore(image, new FaultyPageStore(new MemoryPageStore(4 * Pages), new FaultyStoreOptions { Writes = [1] }));
        Assert.Throws<IOException>(() => store.Write(0, Pattern.Bytes(Pages, 2)));
        FilePageStoreTests.AssertRead(Pattern.Bytes(Pages, 1), store, 0);
        store.Write(0, Pattern.Bytes(Pages, 2));
        FilePageStoreTests.AssertRead(Pattern.Bytes(Pages, 2), store, 0);
    }

    [Fact]
    public void Changes_of_another_base_are_refused()
    {
        using var image = new RunSource(1, new Part(SourceRunKind.Data, 4 * Page));
        using var changes = new MemoryPageStore(5 * Pages);
        Assert.Contains("not of this base", Assert.Throws<ArgumentException>(() => new LayeredPageStore(image, changes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Changes_with_a_part_of_a_page_are_refused()
    {
        using var image = new RunSource(1, new Part(SourceRunKind.Data, 4 * Page));
        using var changes = new Runs(1000, 4 * Pages);
        Assert.Contains("a part of the page at 0", Assert.Throws<IOException>(() => new LayeredPageStore(image, changes)).Message, StringComparison.Ordinal);
        using var nothing = new Runs(0, 4 * Pages);
        Assert.Throws<IOException>(() => new LayeredPageStore(image, nothing)); // and no endless loop
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Both_are_disposed_if_they_are_its_own(bool owns)
    {
        var image = new RunSource(1, new Part(SourceRunKind.Data, Page));
        var changes = new AllHoles(Pages);
        new LayeredPageStore(image, changes, ownsLayers: owns).Dispose();
        Assert.Equal((owns, owns), (image.IsDisposed, changes.IsDisposed));
    }

    private static LayeredPageStore Open(TemporaryFolder folder, ulong length)
        => new(FilePageSource.Open(folder.File("base")), FilePageStore.OpenDiff(folder.File("changes"), new FilePageStoreOptions { Create = true, Length = length }));

    /// <summary>Tells no holes, and when it is flushed.</summary>
    private sealed class Noted(ulong length) : Over(length)
    {
        public Action Flushing { get; set; } = () => { };

        public int Flushes { get; private set; }

        public override SourceRun GetRun(ulong offset, ulong length) => new(length, SourceRunKind.Data);

        public override void Flush()
        {
            Flushes++;
            Flushing();
        }
    }

    /// <summary>Says of everything that it has nothing there.</summary>
    private sealed class AllHoles(ulong length) : Over(length)
    {
        public bool IsDisposed { get; private set; }

        public override SourceRun GetRun(ulong offset, ulong length) => new(length, SourceRunKind.Hole);

        protected override void Dispose(bool disposing)
        {
            IsDisposed = true;
            base.Dispose(disposing);
        }
    }

    /// <summary>Has data at first, for so many bytes, and then a hole.</summary>
    private sealed class Runs(ulong data, ulong length) : Over(length)
    {
        public override SourceRun GetRun(ulong offset, ulong length)
            => offset < data || data == 0 ? new SourceRun(data - offset, SourceRunKind.Data) : new SourceRun(length, SourceRunKind.Hole);
    }

    private abstract class Over(ulong length) : PageStoreDecorator(new MemoryPageStore(length))
    {
        protected override bool AllowsDirectAccess => false;

        public override void Read(ulong offset, Span<byte> destination) => Inner.Read(offset, destination);

        public override ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => ReadInnerAsync(offset, destination, cancellation);

        public override void Write(ulong offset, ReadOnlySpan<byte> source) => Inner.Write(offset, source);

        public override ValueTask WriteAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation) => WriteInnerAsync(offset, source, cancellation);

        public override void Flush() => Inner.Flush();
    }
}
