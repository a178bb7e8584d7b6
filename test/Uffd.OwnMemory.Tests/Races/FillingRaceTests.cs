namespace Uffd.Paging.OwnMemory.Tests.Races;

/// <summary>Several who want a page that is on its way.</summary>
public sealed class FillingRaceTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public async Task Page_that_many_want_is_read_once(int concurrency)
    {
        using var small = new Small(concurrency: concurrency);
        using var gate = new Gate();
        small.Store.Content[(int)Small.At(9)] = 42;
        small.Store.OnRead = (_, _) => gate.Pass();
        Task<byte> first = Small.Run(() => small.Memory.Read<byte>(Small.At(9)));
        gate.AwaitArrival();
        Task<byte>[] others = [.. Enumerable.Range(0, 4).Select(_ => Small.Run(() => small.Memory.Read<byte>(Small.At(9))))];
        Task<byte>[] tasks = [.. Enumerable.Range(0, 4).Select(_ => small.Memory.ReadAsync<byte>(Small.At(9), TestContext.Current.CancellationToken).AsTask())];
        AwaitWaiter(small, 9);
        gate.Open();
        Assert.All(await Task.WhenAll([first, .. others, .. tasks]).Soon(), value => Assert.Equal(42, value));
        Assert.Equal(1, small.Store.Reads);
        small.AssertSound();
    }

    [Fact]
    public async Task Failed_read_is_told_to_who_waits_and_the_next_tries_again()
    {
        using var small = new Small();
        using var gate = new Gate();
        small.Store.Content.Fill(5);
        small.Store.OnRead = (offset, _) =>
        {
            if (offset == Small.At(9))
            {
                gate.Pass();
                throw new IOException("no such sector");
            }
        };
        Task<byte> first = Small.Run(() => small.Memory.Read<byte>(Small.At(9)));
        gate.AwaitArrival();
        Task<byte>[] others = [.. Enumerable.Range(0, 3).Select(_ => Small.Run(() => small.Memory.Read<byte>(Small.At(9))))];
        AwaitWaiter(small, 9);
        gate.Open();
        foreach (Task<byte> each in (Task<byte>[])[first, .. others])
        {
            IOException exception = await Assert.ThrowsAsync<IOException>(() => each);
            Assert.Contains("no such sector", exception.Message, StringComparison.Ordinal);
        }

        Assert.Equal(5, small.Memory.Read<byte>(Small.At(8)));
        Assert.Equal(5, small.Memory.Read<byte>(Small.At(10)));
        small.Store.OnRead = null;
        Assert.Equal(5, small.Memory.Read<byte>(Small.At(9)));
        small.AssertSound();
    }

    [Fact]
    public void Read_that_fails_less_often_than_it_is_tried_gives_the_bytes()
    {
        using var small = new Small(retries: 2);
        int failures = 2;
        small.Store.Content.Fill(5);
        small.Store.OnRead = (_, _) =>
        {
            if (failures-- > 0)
            {
                throw new TimeoutException("a store may throw what it likes");
            }
        };
        Assert.Equal(5, small.Memory.Read<byte>(0));
        Assert.Equal(3, small.Store.Reads);
        small.AssertSound();
    }

    [Fact]
    public async Task Access_that_finds_its_page_going_gets_it_back()
    {
        // Readers and a limit that is far too small: each read finds the bytes of its page, wherever the page is in its way in and out.
        using var small = new Small();
        for (int page = 0; page < 256; page++)
        {
            small.Store.Content.Slice((int)Small.At(page), MemoryStore.Page).Fill((byte)page);
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Small.Run(() =>
        {
            var random = new Random(seed);
            for (int turn = 0; turn < 20_000; turn++)
            {
                int page = random.Next(256);
                Assert.Equal((byte)page, small.Memory.Read<byte>(Small.At(page) + random.Next(MemoryStore.Page)));
            }
        })));
        small.AssertSound();
    }

    private static void AwaitWaiter(Small small, int page)
        => Assert.True(SpinWait.SpinUntil(() => (small.Region.Pages.Get(page) & PageBits.Waited) != 0, Gate.Patience));
}
