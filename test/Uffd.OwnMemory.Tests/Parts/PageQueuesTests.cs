namespace Uffd.Paging.OwnMemory.Tests.Parts;

/// <summary>Which page goes: what is used again and again stays, whatever passes through once.</summary>
public sealed class PageQueuesTests
{
    private const int Limit = 1000;

    [Fact]
    public void Loop_over_hot_pages_survives_a_scan_of_twenty_times_the_limit()
    {
        var cache = new Cache(30 * Limit, Limit);
        for (int round = 0; round < 20; round++)
        {
            for (int page = 0; page < Limit / 2; page++)
            {
                cache.Touch(page);
            }
        }

        int misses = 0;
        for (int page = 0; page < 20 * Limit; page++)
        {
            cache.Touch(Limit + page);
            misses += cache.Touch(page % (Limit / 2)) ? 0 : 1; // the loop goes on meanwhile
        }

        Assert.InRange(misses, 0, 20 * Limit / 50); // 2 %: first in, first out would miss most
    }

    [Fact]
    public void Hits_of_a_skewed_load_are_more_than_first_in_first_out_and_near_least_recently_used()
    {
        const int Pages = 20 * Limit;
        int[] trace = Zipf(Pages, 300_000);
        double queues = HitRatio(trace, new Cache(Pages, Limit).Touch);
        double oldest = HitRatio(trace, new Ordered(Limit, isMoved: false).Touch);
        double recent = HitRatio(trace, new Ordered(Limit, isMoved: true).Touch);
        Assert.True(queues > oldest + 0.02, $"{queues:f3}, first in first out {oldest:f3}");
        Assert.True(queues > recent - 0.01, $"{queues:f3}, least recently used {recent:f3}");
    }

    [Fact]
    public void Every_page_that_came_can_go_and_goes_once()
    {
        var pages = new PageTable(500);
        var queues = new PageQueues(pages);
        for (uint page = 0; page < 500; page++)
        {
            pages.Change(page, PageBits.Ready, PageBits.Kind);
            queues.Add(page, again: page % 3 == 0);
        }

        var gone = new HashSet<uint>();
        int looks = 3 * 500;
        while (queues.TryChoose(out uint page, ref looks))
        {
            Assert.True(gone.Add(page));
        }

        Assert.Equal(500, gone.Count);
        Assert.Equal(0, queues.Count);
    }

    [Fact]
    public void Written_page_waits_to_be_saved_and_goes_then()
    {
        var pages = new PageTable(1);
        var queues = new PageQueues(pages);
        pages.Change(0, PageBits.Ready | PageBits.Dirty, PageBits.Kind);
        queues.Add(0, again: true);
        int looks = 10;
        Assert.False(queues.TryChoose(out _, ref looks));
        Assert.Equal(1, queues.DirtyCount);
        Assert.True(queues.TryTakeDirty(out uint page));
        Assert.Equal(0u, page);
        pages.Change(0, 0, PageBits.Dirty);
        queues.Saved(0);
        looks = 10;
        Assert.True(queues.TryChoose(out page, ref looks));
        Assert.Equal(PageBits.Evicting, pages.Get(0) & PageBits.Kind);
    }

    [Fact]
    public void Page_on_its_way_to_the_store_does_not_go()
    {
        var pages = new PageTable(1);
        var queues = new PageQueues(pages);
        pages.Change(0, PageBits.Idle | PageBits.Saving, PageBits.Kind);
        queues.Add(0, again: true);
        int looks = 10;
        Assert.False(queues.TryChoose(out _, ref looks));
        pages.Change(0, 0, PageBits.Saving);
        looks = 10;
        Assert.True(queues.TryChoose(out _, ref looks));
    }

    private static double HitRatio(int[] trace, Func<int, bool> touch) => (double)trace.Count(touch) / trace.Length;

    private static int[] Zipf(int pages, int count)
    {
        double[] sums = new double[pages];
        double sum = 0;
        for (int page = 0; page < pages; page++)
        {
            sum += 1 / Math.Pow(page + 1, 0.9);
            sums[page] = sum;
        }

        var random = new Random(1);
        int[] places = [.. Enumerable.Range(0, pages)];
        random.Shuffle(places);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            int found = Array.BinarySearch(sums, random.NextDouble() * sum);
            return places[Math.Min(found < 0 ? ~found : found, pages - 1)];
        })];
    }

    /// <summary>The queues with pages that come and go at once, as a region uses them.</summary>
    private sealed class Cache
    {
        private readonly PageTable _pages;
        private readonly PageQueues _queues;
        private readonly int _limit;

        public Cache(int pages, int limit)
        {
            _pages = new PageTable(pages);
            _queues = new PageQueues(_pages);
            _limit = limit;
        }

        /// <summary>Touches a page; whether it was here.</summary>
        public bool Touch(int page)
        {
            byte state = _pages.Get(page);
            if (PageBits.IsHere(state))
            {
                _pages.Change(page, PageBits.Ready, PageBits.Kind);
                return true;
            }

            if (_queues.Count >= _limit)
            {
                for (int left = _limit / 20, looks = (2 * _queues.Count) + left; left > 0 && _queues.TryChoose(out uint gone, ref looks); left--)
                {
                    if ((_pages.Change(gone, PageBits.Absent, PageBits.Kind) & PageBits.Ghost) != 0)
                    {
                        _queues.Remember(gone);
                    }
                }
            }

            bool again = (_pages.Change(page, PageBits.Ready, PageBits.Kind | PageBits.Ghost) & PageBits.Ghost) != 0;
            _queues.Add((uint)page, again);
            return false;
        }
    }

    /// <summary>What it is compared with.</summary>
    private sealed class Ordered(int limit, bool isMoved)
    {
        private readonly LinkedList<int> _order = new();
        private readonly Dictionary<int, LinkedListNode<int>> _nodes = [];

        public bool Touch(int page)
        {
            if (_nodes.TryGetValue(page, out LinkedListNode<int>? node))
            {
                if (isMoved)
                {
                    _order.Remove(node);
                    _order.AddLast(node);
                }

                return true;
            }

            if (_nodes.Count == limit)
            {
                _nodes.Remove(_order.First!.Value);
                _order.RemoveFirst();
            }

            _nodes[page] = _order.AddLast(page);
            return false;
        }
    }
}
