namespace Uffd.Paging.Tests.Stores;

/// <summary>The set of pages that stores remember.</summary>
public sealed class StoredPagesTests
{
    private static readonly ulong Chunk = 32768 * Pattern.Page;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void It_is_what_was_added(int seed)
    {
        // Mostly small stretches, at times whole chunks, over three chunks and a bit; compared with a set of numbers.
        var random = new Random(seed);
        ulong length = (3 * Chunk) + (77 * Pattern.Page) + 5;
        var set = new StoredPages(length);
        var naive = new System.Collections.BitArray((int)((length / Pattern.Page) + 1));
        for (int round = 0; round < 300; round++)
        {
            ulong offset = (ulong)random.NextInt64((long)length);
            ulong bytes = (ulong)random.NextInt64(1, round % 50 == 0 ? (long)(2 * Chunk) : 100 * (long)Pattern.Page);
            if (round % 3 == 0)
            {
                set.Add(offset, bytes);
                for (ulong page = offset / Pattern.Page, last = Math.Min((ulong)naive.Count - 1, (offset + bytes - 1) / Pattern.Page); page <= last; page++)
                {
                    naive[(int)page] = true;
                }
            }

            bool inside = set.Contains(offset, bytes, out ulong same);
            Assert.Equal((naive[(int)(offset / Pattern.Page)], Same(naive, offset, bytes)), (inside, same));
        }
    }

    [Fact]
    public void Nothing_and_all_cost_next_to_nothing()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        var set = new StoredPages(1UL << 40);
        set.Add(0, 1UL << 39);
        set.Add((1UL << 39) + 12345, 1);
        Assert.True(set.Contains(0, 1UL << 40, out ulong same));
        Assert.Equal(1UL << 39, same);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000); // a bit a page would be 32 MiB
        Assert.False(set.Contains(1UL << 39, 1UL << 39, out same));
        Assert.Equal(12345 / Pattern.Page * Pattern.Page, same);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(ulong.MaxValue, 1)]
    [InlineData(10, ulong.MaxValue)]
    public void Questions_behind_the_end_are_answered(ulong offset, ulong length)
    {
        var set = new StoredPages(100);
        Assert.False(set.Contains(offset, length, out ulong same));
        Assert.Equal(length, same);
        set.Add(offset, length);
        Assert.Equal(offset < 100, set.Contains(0, 50, out same));
        Assert.Equal(50UL, same);
        Assert.Equal(offset < 100 ? Pattern.Page : length * 2, set.Contains(0, offset < 100 ? ulong.MaxValue : length * 2, out same) ? same : length * 2);
    }

    [Fact]
    public async Task Who_adds_at_once_loses_nothing()
    {
        // Bits of one word, of all of them: the threads take turns page by page; and one puts whole chunks in meanwhile.
        var set = new StoredPages(4 * Chunk);
        const int Adders = 4;
        using var start = new Barrier(Adders + 1);
        Task[] adders = [.. Enumerable.Range(0, Adders).Select(mine => NativeTouch.Run(() =>
        {
            Meet();
            for (ulong page = (ulong)mine; page < 2 * 32768; page += Adders)
            {
                set.Add(page * Pattern.Page, Pattern.Page);
            }

            return true;
        }))];
        Meet();
        set.Add(Chunk, Chunk);
        await Task.WhenAll(adders);
        Assert.True(set.Contains(0, 4 * Chunk, out ulong same));
        Assert.Equal(2 * Chunk, same);

        void Meet() => Assert.True(start.SignalAndWait(TestTime.Scaled(TimeSpan.FromSeconds(30)), TestContext.Current.CancellationToken));
    }

    private static ulong Same(System.Collections.BitArray pages, ulong offset, ulong length)
    {
        int page = (int)(offset / Pattern.Page);
        int next = page + 1;
        while (next < pages.Count && pages[next] == pages[page])
        {
            next++;
        }

        return next == pages.Count && !pages[page] ? length : Math.Min(length, ((ulong)next * Pattern.Page) - offset);
    }
}
