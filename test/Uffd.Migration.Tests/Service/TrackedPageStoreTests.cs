using Uffd.Migration.Tests.Service.Support;
using Uffd.Paging;
using Barrier = Uffd.Migration.Tests.Service.Support.Barrier;

namespace Uffd.Migration.Tests.Service;

/// <summary>A region that can be moved: what is written to it is told, whatever became of it since, and no read meets a write.</summary>
public sealed class TrackedPageStoreTests
{
    private const int Page = 4096;
    private const int Pages = 256;

    [Fact]
    public void What_is_written_to_the_region_is_told_once_and_read_from_the_store()
    {
        RequireOwnMemory();
        var tracked = new TrackedPageStore(new MemoryPageStore(Pages * Page));
        using var region = PagedRegion.Create(tracked);
        using var memory = new PagedRegionMemory(region, tracked);
        region.Memory.Write(5 * Page, 1L);
        memory.StartTracking();
        byte[] page = new byte[Page];
        memory.Read(5 * Page, page);
        Assert.Equal(1, page[0]); // what was written before the start is there from the first round on
        Assert.Empty(memory.TakePages());

        region.Memory.Write(7 * Page, 2L);
        region.Memory.Write(5 * Page, 3L);
        Assert.Equal([5, 7], memory.TakePages());
        memory.Read(5 * Page, page);
        Assert.Equal(3, page[0]);
        Assert.Empty(memory.TakePages());

        region.Memory.Write(7 * Page, 4L);
        memory.StopTracking();
        Assert.Empty(memory.TakePages());
        memory.StartTracking();
        Assert.Empty(memory.TakePages());
        region.Memory.Write(255 * Page, 4L);
        Assert.Equal([255], memory.TakePages());
    }

    [Fact]
    public void Pages_that_had_to_go_are_told_like_those_that_are_here()
    {
        RequireOwnMemory();
        var tracked = new TrackedPageStore(new MemoryPageStore(Pages * Page));
        using var region = PagedRegion.Create(tracked, new PagedRegionOptions { MemoryLimit = 64 * Page });
        using var memory = new PagedRegionMemory(region, tracked);
        memory.StartTracking();
        for (int page = 0; page < Pages; page++)
        {
            region.Memory.Write(page * Page, page + 1L);
        }

        Assert.Equal(Enumerable.Range(0, Pages).Select(page => (ulong)page), memory.TakePages());
        byte[] all = new byte[Pages * Page];
        memory.Read(0, all);
        Assert.All(Enumerable.Range(0, Pages), page => Assert.Equal(page + 1L, BitConverter.ToInt64(all, page * Page)));
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("compressed")]
    [InlineData("journal")]
    public async Task Nothing_that_a_racing_writer_wrote_is_missing_at_the_end(string kind)
    {
        RequireOwnMemory();
        using var folder = new TemporaryFolder();
        IPageStore inner = kind switch
        {
            "memory" => new MemoryPageStore(Pages * Page),
            "compressed" => new CompressedMemoryPageStore(Pages * Page),
            _ => new JournaledPageStore(
                FilePageStore.Open(Path.Combine(folder.Path, "pages"), new FilePageStoreOptions { Length = Pages * Page, Create = true, Durability = FileDurability.None }),
                Path.Combine(folder.Path, "journal")),
        };
        var tracked = new TrackedPageStore(inner);
        using var region = PagedRegion.Create(tracked, new PagedRegionOptions { MemoryLimit = 64 * Page });
        using var memory = new PagedRegionMemory(region, tracked);
        int rounds = 0;
        Task writing = Patience.OnThread(() =>
        {
            var random = new Random(1);
            for (long write = 1; write <= 8_000 || Volatile.Read(ref rounds) < 3; write++)
            {
                region.Memory.Write((random.Next(Pages) * Page) + (8 * random.Next(Page / 8)), write);
            }
        });
        byte[] copy = new byte[Pages * Page];
        var written = new List<SourceRange>();
        memory.StartTracking();
        memory.CopyRound([new SourceRange(0, Pages * Page)], copy);
        while (!writing.IsCompleted)
        {
            written.Clear();
            memory.TakeWritten(written);
            memory.CopyRound(written, copy);
            Interlocked.Increment(ref rounds);
        }

        await writing;
        written.Clear();
        memory.TakeWritten(written);
        memory.CopyRound(written, copy);
        byte[] expected = new byte[Pages * Page];
        region.Memory.CopyTo(0, expected);
        Assert.True(expected.AsSpan().SequenceEqual(copy));
    }

    [Fact]
    public async Task A_read_waits_for_the_write_of_its_page_and_the_write_is_told_when_it_has_ended()
    {
        var store = new GatedStore(Pages * Page);
        using var tracked = new TrackedPageStore(store);
        var barrier = new Barrier();
        store.BeforeWrite = barrier;
        tracked.Written.Start();
        byte[] content = Filled(9, 2);
        Task writing = Patience.OnThread(() => tracked.Write(3 * Page, content));
        await barrier.Reached;
        var early = new List<SourceRange>();
        tracked.Written.Take(early);
        Assert.Empty(early); // it has not ended: the next time tells it

        byte[] read = new byte[Page];
        byte[] other = new byte[Page];
        Task reading = tracked.ReadWhileWrittenAsync(4 * Page, read, TestContext.Current.CancellationToken).AsTask();
        Assert.False(reading.IsCompleted);
        tracked.ReadWhileWritten(5 * Page, other); // of another page: it does not wait
        barrier.Open();
        await writing.Soon();
        await reading.Soon();
        Assert.Equal(content[..Page], read);
        var late = new List<SourceRange>();
        tracked.Written.Take(late);
        Assert.Equal([new SourceRange(3 * Page, 2 * Page)], late);
        Assert.Equal(0, store.Collisions);
    }

    [Fact]
    public async Task Reads_and_writes_at_random_never_meet()
    {
        var store = new GatedStore(16 * Page);
        using var tracked = new TrackedPageStore(store);
        Task[] racers = [.. Enumerable.Range(0, 4).Select(racer => Patience.OnThread(() =>
        {
            var random = new Random(racer);
            byte[] bytes = new byte[4 * Page];
            for (int turn = 0; turn < 3000; turn++)
            {
                int count = random.Next(1, 5);
                ulong first = (ulong)random.Next(17 - count);
                if (racer < 1) // one writer: a region never makes two writes of one page
                {
                    tracked.Write(first * Page, bytes.AsSpan(0, count * Page));
                }
                else
                {
                    tracked.ReadWhileWritten(first * Page, bytes.AsSpan(0, count * Page));
                }
            }
        }))];
        await Task.WhenAll(racers).Soon();
        Assert.Equal(0, store.Collisions);
    }

    [Fact]
    public void A_write_that_failed_is_told_too()
    {
        var store = new GatedStore(Pages * Page) { Fails = true };
        using var tracked = new TrackedPageStore(store);
        tracked.Written.Start();
        Assert.Throws<IOException>(() => tracked.Write(Page, Filled(1, 1)));
        var written = new List<SourceRange>();
        tracked.Written.Take(written);
        Assert.Equal([new SourceRange(Page, Page)], written);
    }

    [Fact]
    public void A_store_that_cannot_save_fails_the_round_and_a_disposed_region_too()
    {
        RequireOwnMemory();
        var store = new GatedStore(Pages * Page);
        var tracked = new TrackedPageStore(store);
        var region = PagedRegion.Create(tracked, new PagedRegionOptions { Retries = 0, OnDispose = RegionDisposal.Discard });
        using var memory = new PagedRegionMemory(region, tracked);
        memory.StartTracking();
        region.Memory.Write(8 * Page, 1L);
        store.Fails = true;
        Assert.Throws<IOException>(() => memory.TakeWritten([]));
        store.Fails = false;
        Assert.Equal([8], memory.TakePages());
        region.Dispose();
        Assert.Throws<IOException>(() => memory.TakeWritten([]));
    }

    [Fact]
    public void Its_length_is_whole_pages_and_what_is_behind_the_end_is_zero()
    {
        RequireOwnMemory();
        var tracked = new TrackedPageStore(new MemoryPageStore((3 * Page) + 10));
        using var region = PagedRegion.Create(tracked);
        using var memory = new PagedRegionMemory(region, tracked);
        memory.StartTracking();
        region.Memory.CopyFrom(3 * Page, Filled(7, 1).AsSpan(0, 10));
        Assert.Equal(4UL * Page, memory.Length);
        Assert.Equal([3], memory.TakePages());
        byte[] last = Filled(1, 1);
        memory.Read(3 * Page, last);
        Assert.Equal([.. Enumerable.Repeat((byte)7, 10), .. new byte[Page - 10]], last);
    }

    [Theory]
    [InlineData(0, 64)]
    [InlineData(63, 2)]
    [InlineData(60, 200)]
    [InlineData(0, 300)]
    [InlineData(299, 1)]
    public void Runs_are_told_whole(int first, int count)
    {
        var pages = new WrittenPages(300 * Page);
        pages.Note(new SourceRange(0, Page)); // not followed yet
        pages.Start();
        pages.Note(new SourceRange((ulong)first * Page, (ulong)count * Page));
        var written = new List<SourceRange>();
        pages.Take(written);
        Assert.Equal([new SourceRange((ulong)first * Page, (ulong)count * Page)], written);
    }

    private static byte[] Filled(byte value, int pages)
    {
        byte[] bytes = new byte[pages * Page];
        bytes.AsSpan().Fill(value);
        return bytes;
    }

    private static void RequireOwnMemory()
    {
        Requires.Paging();
        Requires.Features(UffdFeatures.WriteProtectAsync | UffdFeatures.Sigbus);
    }
}
