namespace Uffd.Paging;

/// <summary>
/// Which page goes next: an approximation of least recently used that costs nothing on a hit. A page begins in a small queue; if it
/// was touched in the second half of its time there, it moves to the large one, else it goes. In the large queue a page that was
/// touched since it was last looked at gets another round. One that comes back soon after it went begins in the large queue. So
/// what is read once, however much, passes through the small queue and leaves what is used again and again where it is.
/// </summary>
/// <remarks>
/// "Touched" is told by the access itself: a page that was looked at becomes idle, and only the first access to an idle page does more
/// than a hit (one atomic step). The time in the first half of the small queue does not count, because the touches of one pass
/// over a page come in company. Not for several threads at once: <see cref="PageEvictor"/> has the lock.
/// </remarks>
internal sealed class PageQueues(PageTable pages)
{
    private const int MinSmall = 16;

    private readonly PageRing _saved = new();
    private readonly PageRing _small = new();
    private readonly PageRing _large = new();
    private readonly PageRing _dirty = new();
    private readonly PageRing _ghosts = new();
    private long _looked; // the place in the small queue up to which pages were looked at

    /// <summary>Pages that are in it, those that wait to be saved included.</summary>
    public int Count => _saved.Count + _small.Count + _large.Count + _dirty.Count;

    /// <summary>Pages that must be saved before they can go.</summary>
    public int DirtyCount => _dirty.Count;

    /// <summary>Takes in a page that came.</summary>
    /// <param name="page">Which.</param>
    /// <param name="again">Whether it had gone not long ago.</param>
    public void Add(uint page, bool again)
    {
        if (again)
        {
            _large.Enqueue(page);
            return;
        }

        _small.Enqueue(page);
        for (_looked = Math.Max(_looked, _small.Head); _small.Tail - _looked > SmallShare() / 2; _looked++)
        {
            LookAway(_small[_looked]);
        }
    }

    /// <summary>Takes back a page that was chosen but is being touched.</summary>
    public void Keep(uint page) => _large.Enqueue(page);

    /// <summary>Takes back a page that was saved: unless it is touched meanwhile, it is the next to go.</summary>
    public void Saved(uint page) => _saved.Enqueue(page);

    /// <summary>The next that must be saved.</summary>
    public bool TryTakeDirty(out uint page)
    {
        while (_dirty.Count > 0)
        {
            page = _dirty.Dequeue();
            byte state = pages.Get(page);
            if ((state & PageBits.Ready) == 0)
            {
                return true;
            }

            _large.Enqueue(page); // touched while it waited
        }

        page = 0;
        return false;
    }

    /// <summary>Chooses a page that is clean and has not been touched lately, and claims it: it is <see cref="PageBits.Evicting"/> then.</summary>
    /// <param name="page">Which.</param>
    /// <param name="looks">How many pages may still be looked at.</param>
    /// <param name="fromAll">Whether also those that came last may go: when leases hold all others.</param>
    public bool TryChoose(out uint page, ref int looks, bool fromAll = false)
    {
        for (; looks > 0; looks--)
        {
            bool fromSmall = false;
            if (_saved.Count > 0)
            {
                page = _saved.Dequeue();
            }
            else if (_small.Count > 0 && (fromAll || _small.Count > SmallShare() || _large.Count == 0))
            {
                page = _small.Dequeue();
                fromSmall = true;
            }
            else if (_large.Count > 0)
            {
                page = _large.Dequeue();
            }
            else
            {
                break;
            }

            if (TryClaim(page, fromSmall))
            {
                looks--;
                return true;
            }
        }

        return TryChooseSaved(out page, ref looks);
    }

    /// <summary>How many of the pages in it are such.</summary>
    public int CountOf(Predicate<uint> isSuch)
    {
        int count = 0;
        foreach (PageRing ring in (ReadOnlySpan<PageRing>)[_saved, _small, _large, _dirty])
        {
            for (long place = ring.Head; place < ring.Tail; place++)
            {
                count += isSuch(ring[place]) ? 1 : 0;
            }
        }

        return count;
    }

    /// <summary>Remembers that a page went from the small queue.</summary>
    public void Remember(uint page)
    {
        _ghosts.Enqueue(page);
        while (_ghosts.Count > Math.Max(MinSmall, Count))
        {
            uint forgotten = _ghosts.Dequeue();
            byte state = pages.Get(forgotten);
            if ((state & (PageBits.Ready | PageBits.Kind | PageBits.Ghost)) == PageBits.Ghost)
            {
                pages.TryChange(forgotten, state, (byte)(state & ~PageBits.Ghost)); // one that comes at this moment keeps it: no harm
            }
        }
    }

    /// <summary>Among the pages that wait to be saved there may be some that a flush has saved.</summary>
    private bool TryChooseSaved(out uint page, ref int looks)
    {
        for (int left = Math.Min(looks, _dirty.Count); left > 0; left--, looks--)
        {
            page = _dirty.Dequeue();
            if ((pages.Get(page) & PageBits.Dirty) != 0)
            {
                _dirty.Enqueue(page);
            }
            else if (TryClaim(page, fromSmall: false))
            {
                return true;
            }
        }

        page = 0;
        return false;
    }

    private int SmallShare() => Math.Max(MinSmall, (_small.Count + _large.Count) / 8);

    private bool TryClaim(uint page, bool fromSmall)
    {
        byte state = pages.Get(page);
        if ((state & PageBits.Saving) != 0)
        {
            _large.Enqueue(page);
        }
        else if ((state & PageBits.Ready) != 0)
        {
            if (!fromSmall)
            {
                pages.TryChange(page, state, (byte)((state & ~(PageBits.Ready | PageBits.Kind)) | PageBits.Idle));
            }

            _large.Enqueue(page);
        }
        else if ((state & PageBits.Kind) is not (PageBits.Idle or PageBits.Marker))
        {
            _large.Enqueue(page); // held for a moment
        }
        else if ((state & PageBits.Dirty) != 0)
        {
            _dirty.Enqueue(page);
        }
        else if (pages.TryChange(page, state, (byte)((state & ~PageBits.Kind) | PageBits.Evicting | (fromSmall ? PageBits.Ghost : 0))))
        {
            return true;
        }
        else
        {
            _large.Enqueue(page); // touched at this moment
        }

        return false;
    }

    /// <summary>From now on the next touch tells.</summary>
    private void LookAway(uint page)
    {
        byte state = pages.Get(page);
        if ((state & PageBits.Ready) != 0)
        {
            pages.TryChange(page, state, (byte)((state & ~(PageBits.Ready | PageBits.Kind)) | PageBits.Idle));
        }
    }
}
