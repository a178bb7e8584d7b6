namespace Uffd.Paging.OwnMemory.Tests.Limits;

/// <summary>The limit is kept, as the kernel counts and not as the region does.</summary>
public sealed class MemoryLimitTests
{
    [Fact]
    public async Task Pages_in_memory_never_exceed_the_limit()
    {
        // The page tables cannot be read in one moment, so whoever brings pages stands still while they are: the region's own threads only take out.
        using var small = new Small(pages: 2048);
        ulong most = 0;
        using var barrier = new Barrier(3, _ => most = Math.Max(most, ResidentPages.Count(small.Region)));
        await Task.WhenAll(Enumerable.Range(0, 3).Select(seed => Small.Run(() =>
        {
            var random = new Random(seed);
            for (int turn = 0; turn < 30_000; turn++)
            {
                small.Memory.Write(Small.At(random.Next(2048)) + (seed * 8), (long)turn);
                if (turn % 100 == 99)
                {
                    Assert.True(barrier.SignalAndWait(Gate.Patience));
                }
            }
        })));
        Assert.InRange(most, 32UL, (ulong)Small.LimitPages);
        small.AssertSound();
    }

    [Fact]
    public async Task Memory_of_the_process_grows_by_the_limit_and_not_by_the_region()
    {
        const int Limit = 4096;
        const int Pages = 64 * 1024;
        using var small = new Small(Pages, options: static options => options with { MemoryLimit = Limit * (ulong)MemoryStore.Page, ReadAheadBytes = 1 << 20 });
        small.Store.Content.Fill(1); // is there before it is counted
        long before = AnonymousBytes();
        long most = 0;
        using var over = new CancellationTokenSource();
        Task sampler = Small.Run(() =>
        {
            while (!over.IsCancellationRequested)
            {
                most = Math.Max(most, AnonymousBytes() - before);
                Thread.Sleep(1);
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 2).Select(half => Small.Run(() =>
        {
            for (int page = half * Pages / 2; page < (half + 1) * Pages / 2; page++)
            {
                small.Memory.Write(Small.At(page), (long)page);
            }
        })));
        await over.CancelAsync();
        await sampler;
        const long LimitBytes = Limit * 4096L;
        Assert.InRange(most, LimitBytes / 2, LimitBytes + (24 << 20)); // with the region's buffers and what the runtime takes; the region has 256 MiB
    }

    [Fact]
    public async Task Limit_can_be_changed_while_everything_goes_on()
    {
        using var small = new Small(pages: 1024);
        using var over = new CancellationTokenSource();
        Task changer = Small.Run(() =>
        {
            var random = new Random(3);
            while (!over.IsCancellationRequested)
            {
                small.Region.MemoryLimit = (ulong)(random.Next(64, 512) * MemoryStore.Page);
                Thread.Yield();
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 2).Select(user => Small.Run(() =>
        {
            byte[] bytes = new byte[40 * MemoryStore.Page];
            for (int turn = 0; turn < 100; turn++)
            {
                bytes.AsSpan().Fill((byte)turn);
                small.Memory.CopyFrom(Small.At((user * 512) + turn), bytes);
                small.Memory.CopyTo(Small.At((user * 512) + turn), bytes);
                Assert.True(bytes.AsSpan().IndexOfAnyExcept((byte)turn) < 0);
            }
        })));
        await over.CancelAsync();
        await changer;
        small.AssertSound();
    }

    [Fact]
    public void Limit_out_of_bounds_is_refused()
    {
        using var small = new Small();
        Assert.Throws<ArgumentException>(() => small.Region.MemoryLimit = 0);
        Assert.Equal(Small.LimitPages * (ulong)MemoryStore.Page, small.Region.MemoryLimit);
    }

    private static long AnonymousBytes()
        => long.Parse(File.ReadLines("/proc/self/status").First(static line => line.StartsWith("RssAnon:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) * 1024;
}
