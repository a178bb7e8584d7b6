using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>
/// Takes cold, clean pages out, in batches. A page is first claimed, so that nobody enters; then whoever had entered before is looked
/// for, once for the batch, and keeps what it touches; the rest goes. Any thread may call it.
/// </summary>
internal sealed class PageEvictor(PageTable pages, RegionMemory memory, PageWaiters waiters, LeaseTable leases, RegionCounters counters)
{
    private const int LooksOfAStep = 4096;
    private const int PagesOfAStep = 256;

    private readonly Lock _gate = new();
    private readonly Touched _touched = new(memory.Range, leases);
    private readonly List<uint> _chosen = [];
    private readonly List<AddressRange> _ranges = [];
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
        int looks = 0;
        bool isFirst = true;
        bool fromAll = false;
        int gone = 0;
        while (gone < want)
        {
            lock (_gate) // in small steps: whoever brings pages needs it too
            {
                if (isFirst)
                {
                    looks = (2 * Queues.Count) + want; // once to look away, once more to choose
                    isFirst = false;
                }

                int now = Math.Min(looks, LooksOfAStep);
                looks -= now;
                _chosen.Clear();
                while (_chosen.Count < Math.Min(want - gone, PagesOfAStep) && Queues.TryChoose(out uint page, ref now, fromAll))
                {
                    _chosen.Add(page);
                }

                looks += now;
                gone += _chosen.Count > 0 ? TakeOut() : 0;
                if ((now > 0 && _chosen.Count == 0) || (looks <= 0 && (gone > 0 || fromAll)))
                {
                    break;
                }

                if (looks <= 0)
                {
                    looks = (3 * Queues.Count) + want; // leases hold what was looked at: then those that came last must go
                    fromAll = true;
                }
            }
        }

        return gone;
    }

    /// <summary>How many pages that are here cannot go: those that are leased and, if nothing can be saved, those that were written.</summary>
    public int CountStuck(bool withWritten)
    {
        lock (_gate)
        {
            _touched.GatherLeases();
            return Queues.CountOf(page => (withWritten && (pages.Get(page) & PageBits.Dirty) != 0) || _touched.Any(AddressOf(page), _pageSize));
        }
    }

    private int TakeOut()
    {
        _touched.Gather();
        _chosen.Sort();
        _ranges.Clear();
        int gone = 0;
        for (int index = 0; index < _chosen.Count; index++)
        {
            ulong address = AddressOf(_chosen[index]);
            if (_touched.Any(address, _pageSize))
            {
                Restore(_chosen[index]);
                continue;
            }

            // What goes is gathered in front.
            _chosen[gone++] = _chosen[index];
            if (_ranges.Count > 0 && _ranges[^1].End == address)
            {
                _ranges[^1] = new AddressRange(_ranges[^1].Start, _ranges[^1].Length + _pageSize);
            }
            else
            {
                _ranges.Add(new AddressRange(address, _pageSize));
            }
        }

        if (gone > 0)
        {
            try
            {
                memory.Release(CollectionsMarshal.AsSpan(_ranges));
                for (int index = 0; index < gone; index++)
                {
                    Forget(_chosen[index]);
                }
            }
            catch (UffdException)
            {
                gone = TakeOutOneByOne(gone);
                if (gone == 0)
                {
                    throw;
                }
            }

            counters.Left(gone);
        }

        return gone;
    }

    /// <summary>Somebody has locked some of them (mlock(2)): those stay. Nobody must be left waiting for one.</summary>
    private int TakeOutOneByOne(int count)
    {
        int gone = 0;
        for (int index = 0; index < count; index++)
        {
            try
            {
                memory.Release(new AddressRange(AddressOf(_chosen[index]), _pageSize));
                Forget(_chosen[index]);
                gone++;
            }
            catch (UffdException)
            {
                Restore(_chosen[index]);
            }
        }

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
