namespace Uffd.Paging;

/// <summary>
/// Takes cold, clean pages out, in batches. A page is first claimed, so that nobody enters; then whoever had entered before is looked
/// for, once for the batch, and keeps what it touches; the rest goes. Any thread may call it.
/// </summary>
internal sealed class PageEvictor(PageTable pages, RegionMemory memory, PageWaiters waiters, LeaseTable leases, RegionCounters counters)
{
    private readonly Lock _gate = new();
    private readonly Touched _touched = new(memory.Range, leases);
    private readonly List<uint> _chosen = [];
    private readonly ulong _pageSize = memory.PageSize;

    /// <summary>Which page goes next. Only under <see cref="Enter"/>.</summary>
    public PageQueues Queues { get; } = new(pages);

    /// <summary>Excludes all others from the queues.</summary>
    public Lock.Scope Enter() => _gate.EnterScope();

    /// <summary>Takes in pages that came together.</summary>
    public void Add(long first, int count, ReadOnlySpan<bool> again)
    {
        lock (_gate)
        {
            for (int index = 0; index < count; index++)
            {
                Queues.Add((uint)(first + index), again[index]);
            }
        }
    }

    /// <summary>Takes pages out.</summary>
    /// <param name="want">How many.</param>
    /// <returns>How many went; fewer when the others are touched, leased or not saved.</returns>
    public int Evict(int want)
    {
        lock (_gate)
        {
            int gone = 0;
            int looks = (2 * Queues.Count) + want; // once to look away, once more to choose
            while (gone < want)
            {
                _chosen.Clear();
                while (_chosen.Count < want - gone && Queues.TryChoose(out uint page, ref looks))
                {
                    _chosen.Add(page);
                }

                if (_chosen.Count == 0)
                {
                    break;
                }

                gone += TakeOut();
            }

            return gone;
        }
    }

    private int TakeOut()
    {
        _touched.Gather();
        _chosen.Sort();
        int gone = 0;
        for (int index = 0; index < _chosen.Count;)
        {
            int length = 0;
            while (index + length < _chosen.Count && _chosen[index + length] == _chosen[index] + length && !_touched.Any(AddressOf(_chosen[index + length]), _pageSize))
            {
                length++;
            }

            if (length == 0)
            {
                Restore(_chosen[index]);
                index++;
                continue;
            }

            memory.Release(new AddressRange(AddressOf(_chosen[index]), (ulong)length * _pageSize));
            for (int done = 0; done < length; done++)
            {
                Forget(_chosen[index + done]);
            }

            index += length;
            gone += length;
        }

        counters.Left(gone);
        return gone;
    }

    private void Restore(uint page)
    {
        Set(page, PageBits.Ready);
        Queues.Keep(page);
    }

    private void Forget(uint page)
    {
        byte before = Set(page, PageBits.Absent);
        if ((before & PageBits.Ghost) != 0)
        {
            Queues.Remember(page);
        }
    }

    private byte Set(uint page, byte kind)
    {
        byte before = pages.Change(page, kind, (byte)(PageBits.Kind | PageBits.Waited | (kind == PageBits.Ready ? PageBits.Ghost : 0)));
        if ((before & PageBits.Waited) != 0)
        {
            waiters.Tell(page);
        }

        return before;
    }

    private ulong AddressOf(uint page) => memory.Range.Start + (page * _pageSize);
}
