namespace Uffd.Paging.Tests;

/// <summary>Loops over a paged array hold one block at a time, and give it back however they end.</summary>
public sealed class PagedBlocksTests
{
    private const int Step = 64 << 10;

    private record struct Triple(int First, int Second, int Third);

    [Fact]
    public void Loop_that_is_left_early_holds_nothing()
    {
        Requires.Paging();
        using PagedRegion region = new SurfaceStore(Pattern.Bytes(10 * Step)).Open();
        PagedArray<byte> array = region.Memory.AsArray<byte>();
        foreach (byte _ in array)
        {
            Assert.Equal(1, region.GetStatistics().Leases);
            break;
        }

        Assert.Equal(0, region.GetStatistics().Leases);
        Assert.Throws<InvalidOperationException>(() =>
        {
            foreach (ReadOnlySpan<byte> _ in array.Blocks())
            {
                throw new InvalidOperationException("in the middle");
            }
        });
        Assert.Equal(0, region.GetStatistics().Leases);
    }

    [Fact]
    public void Loop_that_meets_a_page_that_cannot_be_read_tells_it_and_holds_nothing()
    {
        Requires.Paging();
        byte[] bytes = Pattern.Bytes(10 * Step);
        var store = new SurfaceStore(bytes) { BadFrom = 3 * Step };
        using PagedRegion region = store.Open();
        long seen = 0;
        Assert.Throws<IOException>(() =>
        {
            foreach (ReadOnlySpan<byte> block in region.Memory.AsArray<byte>().Blocks())
            {
                Assert.True(block.SequenceEqual(bytes.AsSpan((int)seen, block.Length)));
                seen += block.Length;
            }
        });
        Assert.Equal(3 * Step, seen);
        Assert.Equal(0, region.GetStatistics().Leases);
        store.BadFrom = ulong.MaxValue;
        foreach (ReadOnlySpan<byte> block in region.Memory.AsArray<byte>().Slice(seen, 7L * Step).Blocks())
        {
            Assert.True(block.SequenceEqual(bytes.AsSpan((int)seen, block.Length)));
            seen += block.Length;
        }

        Assert.Equal(10 * Step, seen);
    }

    [Fact]
    public void Blocks_of_an_odd_part_end_where_steps_end()
    {
        Requires.Paging();
        using PagedRegion region = new SurfaceStore(Pattern.Bytes(4 * Step)).Open();
        var lengths = new List<int>();
        foreach (ReadOnlySpan<int> block in region.Memory.Slice(100, (3 * Step) - 100).AsArray<int>().Blocks())
        {
            lengths.Add(block.Length * sizeof(int));
        }

        Assert.Equal([Step - 100, Step, Step], lengths);
    }

    [Fact]
    public void Blocks_to_write_are_refused_by_a_region_that_is_read_only_and_blocks_to_read_are_not()
    {
        Requires.Paging();
        using PagedRegion region = PagedRegion.OpenReadOnly(new SurfaceStore(new byte[Step]));
        Assert.True(region.Memory.IsReadOnly);
        Assert.Throws<RegionReadOnlyException>(() => region.Memory.AsArray<byte>().Clear());
        Assert.Equal(-1, region.Memory.AsArray<byte>().IndexOf((byte)1));
        Assert.Equal(0, region.GetStatistics().Leases);
    }

    [Fact]
    public async Task What_is_copied_without_a_thread_is_what_is_there()
    {
        Requires.Paging();
        var store = new SurfaceStore(new byte[10 * Step]);
        await using (PagedRegion region = store.Open())
        {
            PagedArray<Triple> array = region.Memory.Slice(4, 12 * 50_000).AsArray<Triple>();
            Triple[] written = [.. Enumerable.Range(0, 40_000).Select(index => new Triple(index, ~index, 7 * index))];
            await array.CopyFromAsync(5000, written, TestContext.Current.CancellationToken);
            var copied = new Triple[40_000];
            await array.CopyToAsync(5000, copied, TestContext.Current.CancellationToken);
            Assert.Equal(written, copied);
            await array.WriteAsync(0, new Triple(1, 2, 3), TestContext.Current.CancellationToken);
            Assert.Equal(new Triple(1, 2, 3), await array.ReadAsync(0, TestContext.Current.CancellationToken));
            Assert.Equal(new Triple(39_999, ~39_999, 7 * 39_999), array[44_999]);
            using var cancelled = new CancellationTokenSource();
            await cancelled.CancelAsync();
            store.BadFrom = 0;
            await Assert.ThrowsAnyAsync<Exception>(() => array.CopyToAsync(45_000, new Triple[5000], cancelled.Token).AsTask());
            store.BadFrom = ulong.MaxValue;
            Assert.Equal(0, region.GetStatistics().Leases);
        }

        Assert.Equal(1, BitConverter.ToInt32(store.Bytes, 4));
    }
}
