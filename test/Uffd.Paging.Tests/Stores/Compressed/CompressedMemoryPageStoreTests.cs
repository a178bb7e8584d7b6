namespace Uffd.Paging.Tests.Stores;

public class CompressedMemoryPageStoreTests
{
    private const int Page = PackedPages.Page;

    [Theory]
    [InlineData(CompressionAlgorithm.Lz4)]
    [InlineData(CompressionAlgorithm.Zstd)]
    public void Each_page_is_kept_in_its_way_and_read_as_it_was(CompressionAlgorithm algorithm)
    {
        Needs(algorithm);
        using var store = new CompressedMemoryPageStore(6 * Page, new CompressedMemoryPageStoreOptions { Algorithm = algorithm });
        byte[] pattern = new byte[Page];
        for (int at = 0; at < Page; at += 4)
        {
            BitConverter.TryWriteBytes(pattern.AsSpan(at), 0x1234567f);
        }

        byte[][] pages = [new byte[Page], pattern, PackedPages.Make(1, 500), PackedPages.Make(2, Page), new byte[Page]];
        store.Write(0, [.. pages.SelectMany(page => page)]);
        Assert.Equal(pages.SelectMany(page => page).Concat(new byte[Page]), PackedPages.Read(store, 0, 6 * Page));

        CompressedMemoryPageStoreStatistics statistics = store.GetStatistics();
        Assert.Equal((3UL, 1UL, 1UL, 1UL), (statistics.ZeroPages, statistics.PatternPages, statistics.CompressedPages, statistics.PlainPages));
        Assert.InRange(statistics.BytesCompressed, 500UL, 600UL);
        Assert.Equal(3UL * Page, statistics.BytesStored);

        Assert.Equal(new SourceRun(Page, SourceRunKind.Zero), store.GetRun(0, 6 * Page));
        Assert.Equal(new SourceRun((3 * Page) - 5, SourceRunKind.Data), store.GetRun(Page + 5, 5 * Page));
        Assert.Equal(new SourceRun(2 * Page, SourceRunKind.Zero), store.GetRun(4 * Page, 2 * Page));

        store.Write(2 * Page, new byte[2 * Page]);
        Assert.Equal((5UL, 1UL, 0UL, 0UL, 0UL), After(store.GetStatistics()));
        Assert.Equal(new byte[4 * Page], PackedPages.Read(store, 2 * Page, 4 * Page));
    }

    [Fact]
    public void Any_bytes_can_be_read_and_those_behind_the_end_are_zeros()
    {
        using var store = new CompressedMemoryPageStore((2 * Page) + 100);
        byte[] all = [.. PackedPages.Make(1, Page), .. PackedPages.Make(2, 700), .. PackedPages.Make(3, Page)];
        store.Write(0, all);
        byte[] expected = [.. all[..((2 * Page) + 100)], .. new byte[Page]];
        Assert.Equal(expected, PackedPages.Read(store, 0, expected.Length));
        Assert.Equal(expected[4000..8300], PackedPages.Read(store, 4000, 4300));
        Assert.Equal(new byte[10], PackedPages.Read(store, 1 << 20, 10));
        Assert.Equal(SourceRunKind.Zero, store.GetRun(1 << 20, 10).Kind);
        Assert.Equal(DirectAccess.None, ((IPageSource)store).GetDirect(0, Page, out _));
    }

    [Fact]
    public void What_is_no_whole_page_is_refused()
    {
        using var store = new CompressedMemoryPageStore((2 * Page) + 1);
        Assert.Throws<ArgumentException>(() => store.Write(1, new byte[Page]));
        Assert.Throws<ArgumentException>(() => store.Write(0, new byte[Page - 1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => store.Write(3 * Page, new byte[Page]));
        Assert.Throws<ArgumentOutOfRangeException>(() => store.Write(2 * Page, new byte[2 * Page]));
        Assert.Throws<ArgumentOutOfRangeException>(() => store.Write(ulong.MaxValue - (Page - 1), new byte[Page]));
        store.Write(2 * Page, new byte[Page]);
        store.Write(0, []);
        Assert.Throws<ArgumentOutOfRangeException>(() => new CompressedMemoryPageStore(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CompressedMemoryPageStore(1, new CompressedMemoryPageStoreOptions { Level = 99 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CompressedMemoryPageStore(1, new CompressedMemoryPageStoreOptions { Algorithm = (CompressionAlgorithm)7 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CompressedMemoryPageStore(1, new CompressedMemoryPageStoreOptions { MaxBytes = 1000 }));
    }

    [Fact]
    public void Write_beyond_the_limit_says_so_and_loses_nothing()
    {
        using var store = new CompressedMemoryPageStore(1 << 30, new CompressedMemoryPageStoreOptions { MaxBytes = 1 << 20 });
        var written = new List<int>();
        IOException? full = null;
        for (int page = 0; full is null; page++)
        {
            try
            {
                store.Write((ulong)page * Page, PackedPages.Make(page, Page));
                written.Add(page);
            }
            catch (IOException exception)
            {
                full = exception;
            }
        }

        Assert.Contains("MaxBytes", full.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', full.Message);
        Assert.InRange(written.Count, 200, 256); // 15 of 16 chunks, and one for the table
        Assert.InRange(store.GetStatistics().BytesHeld, 1UL, 1UL << 20);
        Assert.All(written, page => Assert.Equal(PackedPages.Make(page, Page), PackedPages.Read(store, (ulong)page * Page)));

        // A page that is there may be replaced where it is; zeros make room for others, of whatever size.
        store.Write(0, PackedPages.Make(7777, Page));
        Assert.Throws<IOException>(() => store.Write((ulong)written.Count * Page, PackedPages.Make(1, 2000)));
        foreach (int page in written.Where(page => page % 2 == 1))
        {
            store.Write((ulong)page * Page, new byte[Page]);
        }

        for (int page = 0; page < 100; page++)
        {
            store.Write((ulong)(10_000 + page) * Page, PackedPages.Make(page, 2000)); // 128 pages' room was freed, in chunks half full
        }

        Assert.Equal(PackedPages.Make(7777, Page), PackedPages.Read(store, 0));
        Assert.All(written.Where(page => page % 2 == 0 && page > 0), page => Assert.Equal(PackedPages.Make(page, Page), PackedPages.Read(store, (ulong)page * Page)));
        Assert.All(Enumerable.Range(0, 100), page => Assert.Equal(PackedPages.Make(page, 2000), PackedPages.Read(store, (ulong)(10_000 + page) * Page)));
        Assert.InRange(store.GetStatistics().BytesHeld, 1UL, 1UL << 20);
    }

    [Fact]
    public void Terabyte_with_few_pages_costs_little()
    {
        using var store = new CompressedMemoryPageStore(1UL << 40);
        for (ulong page = 0; page < 100; page++)
        {
            store.Write(page * (10UL << 30), PackedPages.Make((int)page, 1000));
        }

        Assert.InRange(store.GetStatistics().BytesHeld, 1UL, 1UL << 20);
        Assert.Equal((1UL << 28) - 100, store.GetStatistics().ZeroPages);
        Assert.Equal(PackedPages.Make(99, 1000), PackedPages.Read(store, 99 * (10UL << 30)));
        Assert.Equal(new SourceRun(10UL << 20, SourceRunKind.Zero), store.GetRun(1 << 30, 10 << 20));
    }

    [Fact]
    public void Rewriting_and_reading_allocate_nothing()
    {
        using var store = new CompressedMemoryPageStore(64 * Page);
        byte[][] pages = [.. Enumerable.Range(0, 20).Select(seed => PackedPages.Make(seed, seed * 200))];
        byte[] buffer = new byte[Page];
        long allocated = 0;
        for (int round = 0; round < 200; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int page = 0; page < 64; page++)
            {
                store.Write((ulong)page * Page, pages[(page + round) % pages.Length]);
                store.Read((ulong)page * Page, buffer);
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated); // of the last round: the first ones make the chunks
    }

    [Fact]
    public void Missing_library_is_told_with_its_package()
    {
        UffdException exception = Assert.Throws<UffdException>(() => CompressionLibrary.Require("libnone.so.9", Lz4Library.Packages));
        Assert.True(exception.IsUnavailable);
        Assert.Contains("libnone.so.9", exception.Message, StringComparison.Ordinal);
        Assert.Contains("apt-get install liblz4-1", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
    }

    private static (ulong Zero, ulong Pattern, ulong Compressed, ulong Plain, ulong Bytes) After(CompressedMemoryPageStoreStatistics now)
        => (now.ZeroPages, now.PatternPages, now.CompressedPages, now.PlainPages, now.BytesCompressed);

    private static void Needs(CompressionAlgorithm algorithm)
    {
        string library = algorithm == CompressionAlgorithm.Zstd ? ZstdLibrary.File : Lz4Library.File;
        Requires.That(System.Runtime.InteropServices.NativeLibrary.TryLoad(library, out _), $"this needs {library}");
    }
}
