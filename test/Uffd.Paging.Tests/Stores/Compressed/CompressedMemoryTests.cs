namespace Uffd.Paging.Tests.Stores;

/// <summary>The memory below: what is used again, what is given back, and who may be there at once.</summary>
public class CompressedMemoryTests
{
    private const int Page = PackedPages.Page;

    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(60));

    [Fact]
    public void Room_of_pages_that_are_gone_is_given_back()
    {
        const int Pages = 8000;
        using var store = new CompressedMemoryPageStore(Pages * Page);
        var random = new Random(1);
        int[] entropies = [.. Enumerable.Range(0, Pages).Select(_ => random.Next(100, 3400))];
        for (int page = 0; page < Pages; page++)
        {
            store.Write((ulong)page * Page, PackedPages.Make(page, entropies[page]));
        }

        CompressedMemoryPageStoreStatistics full = store.GetStatistics();
        Assert.InRange((double)full.BytesHeld / full.BytesCompressed, 1, 1.5);

        // Seven of eight go, chosen at random: without moving, nearly every chunk would keep some of the others.
        bool[] stays = [.. Enumerable.Range(0, Pages).Select(_ => random.Next(8) == 0)];
        for (int page = 0; page < Pages; page++)
        {
            if (!stays[page])
            {
                store.Write((ulong)page * Page, new byte[Page]);
            }
        }

        CompressedMemoryPageStoreStatistics few = store.GetStatistics();
        Assert.True(few.Moves > 0);
        ulong smallest = 65 * 3 * SlabChunk.Bytes; // of each size up to two chunks' worth may be free
        Assert.InRange(few.BytesHeld, few.BytesCompressed, (few.BytesCompressed * 3 / 2) + smallest);
        Assert.True(few.BytesHeld < full.BytesHeld / 2, $"{few} of {full}");
        for (int page = 0; page < Pages; page++)
        {
            Assert.Equal(stays[page] ? PackedPages.Make(page, entropies[page]) : new byte[Page], PackedPages.Read(store, (ulong)page * Page));
        }
    }

    [Fact]
    public void Threads_on_pages_of_their_own_meet_each_others_slots_and_not_their_bytes()
    {
        const int Threads = 4;
        const int PagesOfOne = 300;
        using var store = new CompressedMemoryPageStore(Threads * PagesOfOne * Page);
        using var start = new Barrier(Threads);
        var failures = new System.Collections.Concurrent.ConcurrentQueue<string>();
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(number => new Thread(() => Work(number)) { IsBackground = true })];
        Array.ForEach(threads, thread => thread.Start());
        Assert.All(threads, thread => Assert.True(thread.Join(Patience)));
        Assert.Empty(failures);
        Assert.True(store.GetStatistics().Moves > 0, "the control: blobs were moved beneath those who read");

        void Work(int number)
        {
            var random = new Random(number);
            int[] seeds = new int[PagesOfOne];
            int[] entropies = new int[PagesOfOne];
            start.SignalAndWait(Patience);
            for (int turn = 0; turn < 12_000 && failures.IsEmpty; turn++)
            {
                int index = random.Next(PagesOfOne);
                ulong offset = (ulong)((index * Threads) + number) * Page; // neighbours in the table are others'
                if (random.Next(2) == 0)
                {
                    // Waves: for a while nearly all pages are of one size or two, then nearly all are gone.
                    entropies[index] = turn / 2000 % 2 == 0 ? random.Next(2000, 2100) : random.Next(4) == 0 ? random.Next(3000) : 0;
                    seeds[index] = random.Next();
                    store.Write(offset, PackedPages.Make(seeds[index], entropies[index]));
                }
                else if (!PackedPages.Read(store, offset).AsSpan().SequenceEqual(PackedPages.Make(seeds[index], entropies[index])))
                {
                    failures.Enqueue($"thread {number}, turn {turn}, page {index}");
                }
            }
        }
    }

    [Fact]
    public async Task Reads_under_way_end_before_the_memory_goes()
    {
        for (int round = 0; round < 20; round++)
        {
            var store = new CompressedMemoryPageStore(100 * Page);
            store.Write(0, [.. Enumerable.Range(0, 100).SelectMany(page => PackedPages.Make(page, 3000))]);
            using var started = new CountdownEvent(3);
            Task[] readers = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
            {
                byte[] buffer = new byte[100 * Page];
                started.Signal();
                while (true)
                {
                    try
                    {
                        store.Read(0, buffer);
                    }
                    catch (ObjectDisposedException)
                    {
                        return;
                    }
                }
            }))];
            Assert.True(started.Wait(Patience, TestContext.Current.CancellationToken));
            store.Dispose();
            store.Dispose();
            await Task.WhenAll(readers).WaitAsync(Patience, TestContext.Current.CancellationToken);
            Assert.Throws<ObjectDisposedException>(() => store.Write(0, new byte[Page]));
            Assert.Throws<ObjectDisposedException>(() => store.GetRun(0, Page));
        }
    }

    [Fact]
    public void Blob_that_does_not_give_a_page_is_an_error()
    {
        using var damaged = new CompressedPages(4, new CompressorPool(() => new Forgetful()), ulong.MaxValue);
        damaged.Write(2, PackedPages.Make(1, 100));
        IOException exception = Assert.Throws<IOException>(() => damaged.Read(2, new byte[Page]));
        Assert.Contains("page 2 is damaged", exception.Message, StringComparison.Ordinal);
        damaged.Write(2, new byte[Page]); // the page is free for others all the same
        damaged.Read(2, new byte[Page]);
    }

    [Theory]
    [InlineData(CompressionAlgorithm.Lz4)]
    [InlineData(CompressionAlgorithm.Zstd)]
    public void Damaged_blobs_touch_nothing_outside_and_cuts_are_found(CompressionAlgorithm algorithm)
    {
        using CompressorPool pool = CompressorPool.For(algorithm, 1);
        IPageCompressor compressor = pool.Take();
        byte[] packed = new byte[Page];
        byte[] page = PackedPages.Make(1, 700);
        int length = compressor.Compress(page, packed);

        byte[] memory = new byte[3 * Page];
        memory.AsSpan().Fill(0xdd);
        Span<byte> destination = memory.AsSpan(Page, Page);
        Assert.True(compressor.TryDecompress(packed.AsSpan(0, length), destination));
        Assert.True(destination.SequenceEqual(page));
        for (int cut = 0; cut < length; cut++)
        {
            Assert.False(compressor.TryDecompress(packed.AsSpan(0, cut), destination));
        }

        Assert.False(compressor.TryDecompress(packed.AsSpan(0, length), memory.AsSpan(Page, Page - 1)));
        Assert.False(compressor.TryDecompress(packed.AsSpan(0, length), memory.AsSpan(Page - 1, Page + 1)));
        for (int bit = 0; bit < 8 * length; bit++)
        {
            packed[bit / 8] ^= (byte)(1 << (bit % 8));
            compressor.TryDecompress(packed.AsSpan(0, length), destination);
            packed[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.Equal(Enumerable.Repeat((byte)0xdd, Page - 1), memory[..(Page - 1)]); // but for the byte that the long one may write
        Assert.Equal(Enumerable.Repeat((byte)0xdd, Page), memory[(2 * Page)..]);
        pool.Return(compressor);
    }

    /// <summary>Packs a page into nearly nothing, and cannot unpack it.</summary>
    private sealed class Forgetful : IPageCompressor
    {
        public int Compress(ReadOnlySpan<byte> source, Span<byte> destination) => 10;

        public bool TryDecompress(ReadOnlySpan<byte> source, Span<byte> destination) => false;

        public void Dispose()
        {
        }
    }
}
