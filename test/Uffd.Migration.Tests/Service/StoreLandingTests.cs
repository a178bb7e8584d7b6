using Uffd.Migration.Tests.Service.Support;
using Uffd.Paging;
using Barrier = Uffd.Migration.Tests.Service.Support.Barrier;

namespace Uffd.Migration.Tests.Service;

/// <summary>A landing in a store: what comes before the switch and after it, who fetches what, and what becomes of pages that never come.</summary>
public sealed class StoreLandingTests : IDisposable
{
    private const int Page = 4096;
    private const int Pages = 256;

    private readonly GatedStore _store = new(Pages * Page);
    private readonly FakePages _pages = new(Pages);
    private readonly StoreLanding _landing;

    public StoreLandingTests() => _landing = Land(_store);

    public void Dispose()
    {
        _landing.Store.Dispose();
        Assert.Equal(0, _store.Collisions);
    }

    [Fact]
    public async Task What_came_before_the_switch_is_here_and_what_was_missing_follows()
    {
        _landing.Write(0, Repeated(1, 3));
        _landing.Write(Page, Repeated(2, 1));
        _landing.Clear(2 * Page, 200 * Page);
        for (int page = 0; page < Pages; page++)
        {
            _pages[page] = page < 128 ? SourceRunKind.Hole : SourceRunKind.Data;
        }

        _landing.Write(200 * Page, Repeated(3, 1)); // and is written again before the switch
        _landing.Switch(_pages);
        await _landing.Completed.Soon();
        Assert.Equal(Repeated(1, 1), Read(0));
        Assert.Equal(Repeated(2, 1), Read(1));
        Assert.Equal(new byte[Page], Read(2));
        Assert.Equal(FakePages.Content(128), Read(128));
        Assert.Equal(FakePages.Content(200), Read(200));
        Assert.Equal(FakePages.Content(255), Read(255));
        Assert.All(_pages.Reads, read => Assert.False(read.IsAwaited));
        Assert.Equal(Enumerable.Range(128, 128), _pages.Reads.SelectMany(read => Enumerable.Range(read.First, read.Count)).Order());
        StoreLandingStatistics statistics = _landing.GetStatistics();
        Assert.Equal((0L, 0UL, 128UL * Page, 0UL), (statistics.Faults, statistics.MissingBytes, statistics.FetchedBytes, statistics.LostBytes));
    }

    [Fact]
    public async Task Who_reads_what_is_missing_waits_for_nobody_else_and_the_rest_goes_on_behind_it()
    {
        var ahead = new Barrier();
        _pages.Ahead = ahead;
        using StoreLanding landing = Land(new GatedStore(Pages * Page), reads: 1);
        landing.Switch(_pages);
        await ahead.Reached;
        Assert.Equal(FakePages.Content(100), Read(landing, 100));
        Assert.Equal(1, landing.GetStatistics().Faults);
        Assert.Equal(FakePages.Content(100), Read(landing, 100)); // it is here now
        Assert.Equal(1, landing.GetStatistics().Faults);
        Assert.Equal((Pages - 1UL) * Page, landing.GetStatistics().MissingBytes);
        ahead.Open();
        await landing.Completed.Soon();
        FakeRead[] reads = [.. _pages.Reads];
        Assert.Equal([new FakeRead(0, 8, false), new FakeRead(100, 1, true), new FakeRead(101, 8, false)], reads[..3]);
        Assert.Equal(Enumerable.Range(0, Pages), reads.SelectMany(read => Enumerable.Range(read.First, read.Count)).Order()); // each once
        Assert.All(Enumerable.Range(0, Pages), page => Assert.Equal(FakePages.Content(page), Read(landing, page)));
        landing.Store.Dispose();
    }

    [Fact]
    public async Task Who_reads_what_is_on_its_way_behind_others_has_it_sent_at_once()
    {
        _pages.Ahead = new Barrier();
        _landing.Switch(_pages);
        await _pages.Ahead.Reached;
        Assert.Equal(FakePages.Content(3), Read(3));
        Assert.Contains(new FakeRead(3, 1, true), _pages.Reads);
        _pages.Ahead.Open();
        await _landing.Completed.Soon();
        Assert.Equal((ulong)Pages * Page, _landing.GetStatistics().FetchedBytes); // kept once
    }

    [Fact]
    public async Task Two_who_read_one_page_have_it_fetched_once()
    {
        _pages.Ahead = new Barrier();
        _pages.Awaited = new Barrier();
        _landing.Switch(_pages);
        Task<byte[]> first = Task.Run(() => Read(50));
        await _pages.Awaited.Reached;
        Task<byte[]> second = ReadAsync(50, 1);
        Assert.False(second.IsCompleted);
        _pages.Awaited.Open();
        Assert.Equal(FakePages.Content(50), await first.Soon());
        Assert.Equal(FakePages.Content(50), await second.Soon());
        Assert.Single(_pages.Reads, read => read.IsAwaited);
        Assert.Equal(2, _landing.GetStatistics().Faults);
        _pages.Ahead.Open();
        await _landing.Completed.Soon();
    }

    [Fact]
    public async Task What_was_written_meanwhile_is_not_overwritten_by_what_comes_late()
    {
        _pages.Ahead = new Barrier();
        _pages.Awaited = new Barrier();
        _landing.Switch(_pages);
        await _pages.Ahead.Reached;
        Task<byte[]> reading = ReadAsync(100, 3);
        await _pages.Awaited.Reached;
        _landing.Store.Write(101 * Page, Repeated(7, 1)); // on its way for who waits
        _landing.Store.Write(3 * Page, Repeated(8, 1)); // on its way behind others
        await _landing.Store.WriteAsync(200 * Page, Repeated(9, 1), TestContext.Current.CancellationToken); // not asked for yet
        _pages.Awaited.Open();
        _pages.Ahead.Open();
        await reading.Soon();
        await _landing.Completed.Soon();
        Assert.Equal(Repeated(7, 1), Read(101));
        Assert.Equal(Repeated(8, 1), Read(3));
        Assert.Equal(Repeated(9, 1), Read(200));
        Assert.Equal(FakePages.Content(100), Read(100));
        Assert.Equal(FakePages.Content(4), Read(4));
        Assert.Equal((Pages - 3UL) * Page, _landing.GetStatistics().FetchedBytes);
    }

    [Fact]
    public async Task A_write_waits_until_what_came_is_kept()
    {
        var keeping = new Barrier();
        _pages.Ahead = new Barrier();
        _landing.Switch(_pages);
        await _pages.Ahead.Reached;
        _store.BeforeWrite = keeping;
        Task<byte[]> reading = Task.Run(() => Read(9));
        await keeping.Reached;
        Task writing = _landing.Store.WriteAsync(9 * Page, Repeated(4, 1), TestContext.Current.CancellationToken).AsTask();
        Assert.False(writing.IsCompleted);
        keeping.Open();
        await writing.Soon();
        Assert.Equal(FakePages.Content(9), await reading.Soon());
        Assert.Equal(Repeated(4, 1), Read(9));
        _pages.Ahead.Open();
        await _landing.Completed.Soon();
        Assert.Equal(Repeated(4, 1), Read(9));
    }

    [Fact]
    public async Task A_page_that_is_lost_fails_to_be_read_until_it_is_written_and_the_others_come()
    {
        _pages[5] = SourceRunKind.Poisoned;
        _pages.Unreadable[20] = true;
        _landing.Write(20 * Page, Repeated(1, 1)); // an old content of it is no content
        _landing.Switch(_pages);
        await _landing.Completed.Soon();
        Assert.Equal(2UL * Page, _landing.GetStatistics().LostBytes);
        foreach (int lost in (int[])[5, 20])
        {
            Assert.Equal(SourceRunKind.Poisoned, _landing.Store.GetRun((ulong)lost * Page, Page).Kind);
            Assert.Contains("lost", Assert.Throws<IOException>(() => Read(lost)).Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<IOException>(() => ReadAsync(lost, 1));
        }

        Assert.All(Enumerable.Range(0, Pages).Except([5, 20]), page => Assert.Equal(FakePages.Content(page), Read(page)));
        _landing.Store.Write(20 * Page, Repeated(6, 1));
        Assert.Equal(Repeated(6, 1), Read(20));
        Assert.Throws<IOException>(() => Read(5));
        _landing.Store.Write(5 * Page, Repeated(6, 1));
        Assert.Equal(0UL, _landing.GetStatistics().LostBytes);
        Assert.Equal(0, _landing.Store.Concurrency); // nothing stands in the way any more
    }

    [Fact]
    public async Task A_source_that_is_given_up_fails_reads_of_what_is_missing_and_nothing_else()
    {
        _pages.Ahead = new Barrier();
        _landing.Switch(_pages);
        await _pages.Ahead.Reached;
        Assert.Equal(FakePages.Content(77), Read(77));
        _pages.GiveUp("the source has burned down");
        _pages.Ahead.Open();
        Assert.Equal("the source has burned down", (await Assert.ThrowsAsync<IOException>(() => _landing.Completed.Soon())).Message);
        Assert.Equal("the source has burned down", Assert.Throws<IOException>(() => Read(78)).Message);
        Assert.Equal(FakePages.Content(77), Read(77));
        _landing.Store.Write(78 * Page, Repeated(2, 1));
        Assert.Equal(Repeated(2, 1), Read(78));
    }

    [Fact]
    public async Task A_store_that_fails_loses_nothing()
    {
        _store.Fails = true;
        _landing.Switch(_pages);
        Assert.Equal(FakePages.Content(33), Read(33)); // it came, though it could not be kept
        await Patience.UntilAsync(() => _landing.GetStatistics().KeepFailures > 2);
        Assert.False(_landing.Completed.IsCompleted);
        _store.Fails = false;
        await _landing.Completed.Soon();
        Assert.All(Enumerable.Range(0, Pages), page => Assert.Equal(FakePages.Content(page), Read(page)));
    }

    [Fact]
    public async Task Parts_of_pages_can_be_read_too()
    {
        _pages.Ahead = new Barrier();
        _landing.Switch(_pages);
        byte[] part = new byte[Page];
        _landing.Store.Read((7 * Page) + 100, part);
        Assert.Equal([.. FakePages.Content(7)[100..], .. FakePages.Content(8)[..100]], part);
        await _landing.Store.ReadAsync((17 * Page) + 100, part, TestContext.Current.CancellationToken);
        Assert.Equal([.. FakePages.Content(17)[100..], .. FakePages.Content(18)[..100]], part);
        _pages.Ahead.Open();
        await _landing.Completed.Soon();
    }

    [Fact]
    public void Before_the_switch_disposing_it_disposes_the_store_and_afterwards_it_does_not()
    {
        var store = new GatedStore(Pages * Page);
        StoreLanding landing = Land(store);
        landing.Dispose();
        Assert.True(store.IsDisposed);
        Assert.True(landing.Completed.IsFaulted);
        Assert.Throws<IOException>(() => landing.Switch(_pages));

        _pages.Ahead = new Barrier();
        _landing.Switch(_pages);
        Assert.Equal(FakePages.Content(1), Read(1));
        _landing.Dispose();
        Assert.False(_store.IsDisposed);
        Assert.Equal(FakePages.Content(1), Read(1));
        Assert.Contains("ended before", Assert.Throws<IOException>(() => Read(2)).Message, StringComparison.Ordinal);
        _landing.Store.Dispose();
        Assert.True(_store.IsDisposed);
    }

    [Fact]
    public async Task Disposing_the_store_waits_for_no_page()
    {
        var store = new GatedStore(Pages * Page);
        using StoreLanding landing = Land(store);
        _pages.Ahead = new Barrier();
        landing.Switch(_pages);
        await _pages.Ahead.Reached;
        landing.Store.Dispose();
        Assert.True(store.IsDisposed);
        await Assert.ThrowsAsync<IOException>(() => landing.Completed.Soon());
        _pages.Ahead.Open();
    }

    [Fact]
    public void A_store_that_does_not_fit_is_refused()
    {
        using var small = new MemoryPageStore(Page);
        using var used = new MemoryPageStore(Pages * Page);
        used.Write(9 * Page, Repeated(1, 1));
        var region = new MigrationRegion(3, "heap", Pages * Page);
        Assert.Contains("region 3 (heap)", Assert.Throws<IOException>(() => new StoreLanding(region, small)).Message, StringComparison.Ordinal);
        Assert.Contains("not empty", Assert.Throws<IOException>(() => new StoreLanding(region, used)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new StoreLanding(region, used, new StoreLandingOptions { ReadBytes = 100 }));
        Assert.Throws<ArgumentException>(() => new StoreLanding(region, used, new StoreLandingOptions { WindowBytes = Page }));
    }

    private static StoreLanding Land(GatedStore store, int reads = 4)
        => new(new MigrationRegion(0, "store", store.Length), store, new StoreLandingOptions { ReadBytes = 8 * Page, WindowBytes = reads * 8 * Page });

    private static byte[] Read(StoreLanding landing, int page)
    {
        byte[] bytes = new byte[Page];
        landing.Store.Read((ulong)page * Page, bytes);
        return bytes;
    }

    private static byte[] Repeated(byte value, int pages)
    {
        byte[] bytes = new byte[pages * Page];
        bytes.AsSpan().Fill(value);
        return bytes;
    }

    private byte[] Read(int page) => Read(_landing, page);

    private async Task<byte[]> ReadAsync(int page, int count)
    {
        byte[] bytes = new byte[count * Page];
        await _landing.Store.ReadAsync((ulong)page * Page, bytes, TestContext.Current.CancellationToken);
        return bytes;
    }
}
