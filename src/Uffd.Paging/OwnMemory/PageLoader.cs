namespace Uffd.Paging;

/// <summary>
/// Makes pages ready for an access: the way taken by every access that is not a hit. Who finds a page absent claims it and brings it; who
/// finds it claimed waits for the other. The same steps serve threads that wait and tasks that do not hold one up.
/// </summary>
internal sealed partial class PageLoader(
    PageTable pages,
    RegionMemory memory,
    PageWaiters waiters,
    PageEvictor evictor,
    PageReader reader,
    Room room,
    AheadStreams streams,
    RegionCounters counters,
    RegionGate gate,
    int maxRun)
{
    private const int SpinTurns = 20;

    /// <summary>Told what lies ahead of an access; set once, before the first access.</summary>
    public Action<AheadRun> Ahead { get; set; } = static _ => { };

    /// <summary>Makes pages ready. When none of them is held by a lease, they may have gone again when this returns: look again.</summary>
    /// <exception cref="IOException">One could not be read, or there is no room.</exception>
    /// <exception cref="InvalidOperationException">Leases hold all the room there is.</exception>
    public void MakeReady(long first, long end, bool write)
    {
        var spin = default(SpinWait);
        bool isAlone = false;
        for (long page = first; page < end;)
        {
            byte state = pages.Get(page);
            switch (Enter(page, state, write))
            {
                case Step.Ready:
                    page++;
                    spin.Reset();
                    break;
                case Step.Claim:
                    isAlone |= !TryFill(page, end, isAlone);
                    break;
                case Step.Wait when spin.Count < SpinTurns:
                    spin.SpinOnce(sleep1Threshold: -1);
                    break;
                case Step.Wait:
                    waiters.WaitAsync(page, state).GetAwaiter().GetResult();
                    break;
                default:
                    break; // changed at this moment: look again
            }
        }
    }

    /// <summary>
    /// Puts whole pages that are absent in with new content, without asking the store for the old one. Only where somebody writes all of
    /// their bytes.
    /// </summary>
    /// <returns>How many were put in, from the first on; 0 when the first is not absent, or the bytes cannot be read there.</returns>
    public int Put(long first, int count, ulong sourceAddress)
    {
        if ((pages.Get(first) & (PageBits.Ready | PageBits.Kind)) != PageBits.Absent)
        {
            return 0;
        }

        int granted = room.Reserve(Math.Min(count, maxRun));
        var fetch = new PageFetch { First = first, Count = Claim(first, granted), Address = sourceAddress, IsWritten = true };
        counters.Unreserve(granted - fetch.Count);
        try
        {
            if (fetch.Count == 0 || TryInstall(fetch, isMarked: false))
            {
                return fetch.Count;
            }
        }
        catch
        {
            Abandon(fetch);
            throw;
        }

        Abandon(fetch);
        return 0;
    }

    /// <summary>Brings pages that nobody waits for, where there is room for them; the first is marked, so that reaching it asks for more.</summary>
    public void Bring(AheadRun run)
    {
        bool isFirst = true;
        for (long page = run.First; page < run.First + run.Count;)
        {
            if ((pages.Get(page) & (PageBits.Ready | PageBits.Kind)) != PageBits.Absent)
            {
                page++;
                continue;
            }

            int count = reader.Limit(page, (int)Math.Min(maxRun, run.First + run.Count - page), out bool areZeros);
            if (!room.TryReserve(count))
            {
                return;
            }

            var fetch = new PageFetch { First = page, Count = Claim(page, count), IsAhead = true };
            counters.Unreserve(count - fetch.Count);
            if (fetch.Count > 0)
            {
                Complete(ref fetch, areZeros, isFirst);
                page += fetch.Count;
            }

            isFirst = false;
        }
    }

    private Step Enter(long page, byte state, bool write)
    {
        if ((state & PageBits.Ready) != 0)
        {
            return !write || (state & PageBits.Dirty) != 0 || pages.TryChange(page, state, (byte)(state | PageBits.Dirty)) ? Step.Ready : Step.Again;
        }

        switch (state & PageBits.Kind)
        {
            case PageBits.Absent:
                return Step.Claim;
            case PageBits.Idle:
            case PageBits.Marker:
                if (!pages.TryChange(page, state, (byte)((state & ~PageBits.Kind) | PageBits.Ready | (write ? PageBits.Dirty : 0))))
                {
                    return Step.Again;
                }

                if ((state & PageBits.Kind) == PageBits.Marker && streams.Reached(page) is { Count: > 0 } run)
                {
                    Ahead(run);
                }

                return Step.Ready;
            default:
                return Step.Wait;
        }
    }

    /// <summary>
    /// Brings a page and those behind it. False when they could not be had together: then the page is to be brought alone, so that it does not
    /// suffer from the failure of another.
    /// </summary>
    private bool TryFill(long page, long end, bool isAlone)
    {
        counters.Missed();
        int count = isAlone ? Alone(page, out bool areZeros) : Plan(page, end, out areZeros);
        PageFetch fetch = Take(page, room.Reserve(count));
        if (fetch.Count == 0)
        {
            return true;
        }

        try
        {
            Complete(ref fetch, areZeros, isMarked: false);
            return true;
        }
        catch (IOException) when (fetch.Count > 1)
        {
            return false;
        }
    }

    private PageFetch Take(long page, int count)
    {
        var fetch = new PageFetch { First = page, Count = Claim(page, count) };
        counters.Unreserve(count - fetch.Count);
        return fetch;
    }

    private void Complete(ref PageFetch fetch, bool areZeros, bool isMarked)
    {
        try
        {
            reader.Locate(ref fetch, areZeros);
            if (fetch.Buffer is not null)
            {
                reader.Read(fetch);
            }

            if (!TryInstall(fetch, isMarked))
            {
                reader.UseBuffer(ref fetch); // a mapped file that was cut short: reading it says so
                reader.Read(fetch);
                TryInstall(fetch, isMarked);
            }
        }
        catch
        {
            Abandon(fetch);
            throw;
        }
        finally
        {
            reader.Release(ref fetch);
        }
    }

    private int Alone(long page, out bool areZeros) => reader.Limit(page, 1, out areZeros);

    private int Plan(long page, long end, out bool areZeros)
    {
        int needed = (int)Math.Min(maxRun, end - page);
        int now = Math.Min(maxRun, streams.Miss(page, needed, out AheadRun ahead));
        if (ahead.Count > 0)
        {
            Ahead(ahead);
        }

        return reader.Limit(page, CountAbsent(page, Math.Max(needed, now)), out areZeros);
    }

    /// <summary>How many pages from here on are absent: no room is asked for those that are here.</summary>
    private int CountAbsent(long first, int most)
    {
        int count = 1;
        while (count < most && (pages.Get(first + count) & (PageBits.Ready | PageBits.Kind)) == PageBits.Absent)
        {
            count++;
        }

        return count;
    }

    /// <summary>Claims absent pages, as far as they go on.</summary>
    private int Claim(long first, int count)
    {
        for (int index = 0; index < count; index++)
        {
            byte state = pages.Get(first + index);
            if ((state & (PageBits.Ready | PageBits.Kind)) != PageBits.Absent || !pages.TryChange(first + index, state, (byte)(state | PageBits.Filling)))
            {
                return index;
            }
        }

        return count;
    }

    /// <summary>Puts pages in and lets accesses to them go ahead; false when the bytes cannot be read where they are.</summary>
    private bool TryInstall(in PageFetch fetch, bool isMarked)
    {
        ulong address = fetch.Buffer?.Address ?? fetch.Address;
        var range = new AddressRange(memory.Range.Start + ((ulong)fetch.First * memory.PageSize), (ulong)fetch.Count * memory.PageSize);
        Errno errno = memory.Fill(range, address, fetch.IsWritten);
        if (errno != Errno.None)
        {
            return fetch.Buffer is null ? false : throw new UffdException("the bytes of pages could not be copied", errno);
        }

        Span<bool> again = stackalloc bool[fetch.Count]; // at most maxRun
        for (int index = 0; index < fetch.Count; index++)
        {
            byte kind = isMarked && index == 0 ? PageBits.Marker : fetch.IsWritten ? (byte)(PageBits.Ready | PageBits.Dirty) : PageBits.Ready;
            again[index] = (Set(fetch.First + index, kind) & PageBits.Ghost) != 0;
        }

        evictor.Add(fetch.First, fetch.Count, again);
        if (!fetch.IsWritten)
        {
            counters.Came(fetch.Count, fetch.IsAhead);
        }

        return true;
    }

    private void Abandon(in PageFetch fetch)
    {
        for (int index = 0; index < fetch.Count; index++)
        {
            Set(fetch.First + index, PageBits.Absent);
        }

        counters.Unreserve(fetch.Count);
    }

    private byte Set(long page, byte kind)
    {
        byte before = pages.Change(page, kind, PageBits.Kind | PageBits.Waited | PageBits.Ghost);
        if ((before & PageBits.Waited) != 0)
        {
            waiters.Tell(page);
        }

        return before;
    }

    private enum Step
    {
        Ready,
        Claim,
        Wait,
        Again,
    }
}
