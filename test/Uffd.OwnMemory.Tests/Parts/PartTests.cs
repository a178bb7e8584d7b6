namespace Uffd.Paging.OwnMemory.Tests.Parts;

/// <summary>The smaller parts, each by itself.</summary>
public sealed class PartTests
{
    [Fact]
    public void Ring_is_a_queue_whatever_it_grows_and_shrinks_to()
    {
        var ring = new PageRing();
        var queue = new Queue<uint>();
        var random = new Random(1);
        for (int turn = 0; turn < 100_000; turn++)
        {
            bool grows = turn / 5000 % 2 == 0;
            if (ring.Count == 0 || random.Next(10) < (grows ? 7 : 3))
            {
                uint page = (uint)random.Next();
                ring.Enqueue(page);
                queue.Enqueue(page);
            }
            else
            {
                Assert.Equal(queue.Dequeue(), ring.Dequeue());
            }

            Assert.Equal(queue.Count, ring.Count);
            if (ring.Count > 0)
            {
                Assert.Equal(queue.Peek(), ring[ring.Head]);
            }
        }
    }

    [Fact]
    public async Task Leases_of_many_threads_have_each_a_place_of_their_own()
    {
        var table = new LeaseTable();
        await Task.WhenAll(Enumerable.Range(1, 4).Select(thread => Small.Run(() =>
        {
            var random = new Random(thread);
            var held = new List<(int Place, int Version, ulong Start)>();
            for (int turn = 0; turn < 50_000; turn++)
            {
                if (held.Count < 300 && random.Next(2) == 0)
                {
                    ulong start = ((ulong)thread << 40) + ((ulong)turn << 12);
                    held.Add((table.Take(start, start + 4096, write: turn % 2 == 0, out int version), version, start));
                }
                else if (held.Count > 0)
                {
                    int index = random.Next(held.Count);
                    (int place, int version, _) = held[index];
                    held.RemoveAt(index);
                    Assert.True(table.IsHeld(place, version));
                    Assert.True(table.Release(place, version));
                    Assert.False(table.IsHeld(place, version));
                    Assert.False(table.Release(place, version));
                }
            }

            var found = new List<AddressRange>();
            table.Collect(found, writing: null);
            Assert.All(held, one => Assert.Contains(new AddressRange(one.Start, 4096), found));
            held.ForEach(one => Assert.True(table.Release(one.Place, one.Version)));
        })));
        Assert.Equal(0, table.Held);
        var left = new List<AddressRange>();
        table.Collect(left, writing: null);
        Assert.Empty(left);
    }

    [Fact]
    public void Leases_that_may_write_are_told_apart()
    {
        var table = new LeaseTable();
        table.Take(4096, 8192, write: false, out _);
        table.Take(16384, 20480, write: true, out _);
        var all = new List<AddressRange>();
        var writing = new List<AddressRange>();
        table.Collect(all, writing);
        Assert.Equal(2, all.Count);
        Assert.Equal([AddressRange.FromBounds(16384, 20480)], writing);
    }

    [Fact]
    public async Task Thread_that_ended_gives_its_slot_to_another()
    {
        // Threads come and go; if none of their slots were used again there would be one for each.
        var slots = new HashSet<nint>();
        for (int round = 0; round < 40; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Small.Run(() =>
            {
                nint slot = SlotOfThisThread();
                lock (slots)
                {
                    slots.Add(slot);
                }
            })));
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.InRange(slots.Count, 1, 200);
    }

    [Fact]
    public async Task What_a_thread_touches_is_seen_until_it_leaves()
    {
        using var inside = new Gate();
        var region = new AddressRange(1UL << 30, 1 << 20);
        Task thread = Small.Run(() =>
        {
            ref ThreadSlot slot = ref ThreadSlots.Current;
            ThreadSlots.Enter(ref slot, region.Start + 100, 8);
            inside.Pass();
            ThreadSlots.Leave(ref slot);
        });
        inside.AwaitArrival();
        Assert.Equal([new AddressRange(region.Start + 100, 8)], Collect(region));
        Assert.Empty(Collect(new AddressRange(1UL << 20, 4096)));
        inside.Open();
        await thread;
        Assert.Empty(Collect(region));
    }

    [Fact]
    public void Waiter_is_told_once_and_only_of_a_change()
    {
        var pages = new PageTable(10);
        var waiters = new PageWaiters(pages);
        pages.Change(3, PageBits.Filling, 0);
        Assert.True(waiters.WaitAsync(3, PageBits.Held).IsCompleted); // it is not so any more
        Task one = waiters.WaitAsync(3, PageBits.Filling);
        Task other = waiters.WaitAsync(3, PageBits.Filling | PageBits.Waited);
        Assert.False(one.IsCompleted || other.IsCompleted);
        Assert.Equal(PageBits.Filling | PageBits.Waited, pages.Get(3));
        pages.Change(3, PageBits.Ready, PageBits.Kind | PageBits.Waited);
        waiters.Tell(3);
        Assert.True(one.IsCompletedSuccessfully && other.IsCompletedSuccessfully);
        waiters.Tell(3); // nobody
    }

    [Fact]
    public void Reading_in_order_is_known_and_reading_here_and_there_is_not()
    {
        var streams = new AheadStreams(maxPages: 64, pageCount: 1000);
        Assert.Equal(1, streams.Miss(10, 1, out AheadRun ahead));
        Assert.Equal(0, ahead.Count);
        int now = streams.Miss(11, 1, out ahead);
        Assert.InRange(now, 2, 64);
        Assert.Equal(11 + now, ahead.First);
        Assert.InRange(ahead.Count, 1, 64);
        AheadRun more = streams.Reached(ahead.First);
        Assert.Equal(ahead.First + ahead.Count, more.First);

        var random = new Random(1);
        var scattered = new AheadStreams(maxPages: 64, pageCount: 1_000_000);
        for (int turn = 0; turn < 1000; turn++)
        {
            Assert.Equal(1, scattered.Miss(random.Next(500_000) * 2, 1, out ahead));
            Assert.Equal(0, ahead.Count);
        }
    }

    [Fact]
    public void Nothing_is_brought_from_behind_the_end()
    {
        var streams = new AheadStreams(maxPages: 64, pageCount: 20);
        for (int page = 0; page < 20; page++)
        {
            int now = streams.Miss(page, 1, out AheadRun ahead);
            Assert.InRange(page + now, page + 1, 20);
            Assert.InRange(ahead.First + ahead.Count, 0, 20);
        }
    }

    private static List<AddressRange> Collect(AddressRange region)
    {
        var found = new List<AddressRange>();
        Interlocked.MemoryBarrierProcessWide();
        ThreadSlots.Collect(region, found);
        return found;
    }

    private static unsafe nint SlotOfThisThread() => (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref ThreadSlots.Current); // native memory: it does not move
}
