namespace Uffd.Paging.Tests.Prefetching;

/// <summary>What is brought when no fault waits.</summary>
public sealed class AheadQueueTests : IDisposable
{
    private const ulong Page = 4096;

    private readonly MemoryPageSource _source = MemoryPageSource.FromBytes(new byte[1]);
    private readonly PageStateMap _map = new(10_000);
    private readonly RegionSlice _slice;
    private readonly AheadQueue _queue = new();

    public AheadQueueTests() => _slice = new RegionSlice(new AddressRange(1 << 30, 10_000 * Page), _source, 0, pageShift: 12, _map, firstPage: 0);

    public void Dispose()
    {
        _map.Dispose();
        _source.Dispose();
    }

    [Fact]
    public void Runs_are_claimed_step_by_step_around_what_is_there()
    {
        _map.Exchange(12, PageState.Present);
        _queue.Add(_slice, 10, 20);
        Assert.Equal([(10, 2), (13, 4), (17, 3)], All(4));
        Assert.True(_queue.IsEmpty);
        Assert.All(Enumerable.Range(10, 10), page => Assert.Equal(page == 12 ? PageState.Present : PageState.Filling, _map[page]));
    }

    [Fact]
    public void Oldest_makes_room()
    {
        for (int run = 0; run < 20; run++)
        {
            _queue.Add(_slice, run * 100, (run * 100) + 1);
        }

        Assert.Equal(Enumerable.Range(4, 16).Select(run => ((long)run * 100, 1)), All(16));
    }

    [Fact]
    public void Nothing_is_claimed_of_what_is_empty_or_there()
    {
        _queue.Add(_slice, 5, 5);
        Assert.True(_queue.IsEmpty);
        _map.ExchangeAll(0, 10, PageState.Present);
        _queue.Add(_slice, 0, 10);
        Assert.Empty(All(4));
    }

    private List<(long Page, int Count)> All(int most)
    {
        var all = new List<(long, int)>();
        while (_queue.Claim((ulong)most * Page, out _, out long page) is > 0 and int claimed)
        {
            all.Add((page, claimed));
        }

        return all;
    }
}
