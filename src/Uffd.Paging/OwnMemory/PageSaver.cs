namespace Uffd.Paging;

/// <summary>
/// Brings what was written to the store. A batch of pages is held for a moment, so that no access is half done; what was written is
/// found and protected in one step, copied, and the pages are let go; then the copies are written in order of offset. A page that is written
/// meanwhile is dirty again. Only one at a time saves.
/// </summary>
internal sealed class PageSaver : IDisposable
{
    /// <summary>The most pages of a batch.</summary>
    public const int BatchPages = 256;

    private readonly PageTable _pages;
    private readonly RegionMemory _memory;
    private readonly PageWaiters _waiters;
    private readonly RegionCounters _counters;
    private readonly StoreWrites _writes;
    private readonly Touched _touched;
    private readonly FetchBuffer _copies;
    private readonly ulong _pageSize;
    private readonly List<PageCopy> _copied = [];
    private readonly byte[] _before = new byte[BatchPages];
    private readonly bool[] _held = new bool[BatchPages];
    private readonly PageRegion[] _written = new PageRegion[64];

    public PageSaver(PageTable pages, RegionMemory memory, PageWaiters waiters, LeaseTable leases, RegionCounters counters, StoreWrites writes)
    {
        _pages = pages;
        _memory = memory;
        _waiters = waiters;
        _counters = counters;
        _writes = writes;
        _touched = new Touched(memory.Range, leases);
        _pageSize = memory.PageSize;
        _copies = new FetchBuffer(BatchPages * (int)_pageSize);
    }

    /// <summary>Saves those of some pages that were written.</summary>
    /// <param name="batch">Sorted, each once; at most <see cref="BatchPages"/>.</param>
    /// <exception cref="IOException">Some could not be written; they are as before: here, and dirty.</exception>
    public void Save(ReadOnlySpan<uint> batch)
    {
        _copied.Clear();
        _held.AsSpan().Clear();
        bool isCopied = false;
        try
        {
            Hold(batch);
            CopyWritten(batch);
            isCopied = true;
        }
        finally
        {
            if (!isCopied)
            {
                TakeForWritten(batch);
            }

            LetGo(batch, keep: isCopied ? (byte)0 : PageBits.Dirty);
        }

        if (_copied.Count > 0)
        {
            Write();
        }
    }

    public void Dispose() => _copies.Free();

    private void Hold(ReadOnlySpan<uint> batch)
    {
        for (int index = 0; index < batch.Length; index++)
        {
            byte state = _pages.Get(batch[index]);
            while (PageBits.IsHere(state) && !_pages.TryChange(batch[index], state, (byte)((state & ~(PageBits.Ready | PageBits.Kind)) | PageBits.Held)))
            {
                state = _pages.Get(batch[index]);
            }

            _held[index] = PageBits.IsHere(state); // what is on its way in or out is clean
            _before[index] = state;
        }

        // An access is a few instructions long, or a copy of at most PagedMemory.StepBytes; its thread may have been put to sleep in it.
        _touched.Gather();
        for (int turn = 0; IsBeingTouched(batch); turn++)
        {
            if (turn < 10)
            {
                Thread.Yield();
            }
            else
            {
                Thread.Sleep(1);
            }

            _touched.Gather();
        }
    }

    private bool IsBeingTouched(ReadOnlySpan<uint> batch)
    {
        foreach (uint page in batch)
        {
            if (_touched.ByAccess(AddressOf(page), _pageSize))
            {
                return true;
            }
        }

        return false;
    }

    private void CopyWritten(ReadOnlySpan<uint> batch)
    {
        for (int index = 0; index < batch.Length;)
        {
            if (!_held[index])
            {
                index++; // clean, or not here; protecting it now would hide a write of whoever brings it
                continue;
            }

            int length = 1;
            while (index + length < batch.Length && _held[index + length] && batch[index + length] == batch[index] + length)
            {
                length++;
            }

            var rest = new AddressRange(AddressOf(batch[index]), (ulong)length * _pageSize);
            while (!rest.IsEmpty)
            {
                PagemapScanResult result = _memory.FindWritten(rest, protect: true, _written);
                foreach (PageRegion region in _written.AsSpan(0, result.Regions))
                {
                    Copy(region.Range, batch, index, length);
                }

                rest = AddressRange.FromBounds(Math.Max(result.WalkEnd, rest.Start), rest.End);
            }

            index += length;
        }
    }

    private unsafe void Copy(AddressRange range, ReadOnlySpan<uint> batch, int index, int length)
    {
        for (ulong address = range.Start; address < range.End; address += _pageSize)
        {
            int at = index + (int)((address - AddressOf(batch[index])) / _pageSize);
            System.Diagnostics.Debug.Assert(at < index + length && _held[at]);

            // The page is held and here, so this thread cannot fault; the buffer has a page for each of a batch.
            Buffer.MemoryCopy((void*)address, (byte*)_copies.Address + ((ulong)_copied.Count * _pageSize), _pageSize, _pageSize);
            _copied.Add(new PageCopy(batch[at], at));
        }
    }

    /// <summary>A scan that failed may have protected pages without telling: none of them may count as saved.</summary>
    private void TakeForWritten(ReadOnlySpan<uint> batch)
    {
        _copied.Clear();
        for (int index = 0; index < batch.Length; index++)
        {
            if (_held[index] && (_before[index] & PageBits.Dirty) != 0)
            {
                _memory.MarkWritten(new AddressRange(AddressOf(batch[index]), _pageSize));
            }
        }
    }

    /// <summary>Lets accesses in again. What was copied stays until the copy has arrived.</summary>
    private void LetGo(ReadOnlySpan<uint> batch, byte keep)
    {
        int copied = 0;
        for (int index = 0; index < batch.Length; index++)
        {
            bool isCopied = copied < _copied.Count && _copied[copied].Index == index;
            copied += isCopied ? 1 : 0;
            if (!_held[index])
            {
                continue;
            }

            byte before = _before[index];

            // A lease that may write does so without asking again: its pages stay under suspicion.
            byte dirty = _touched.ByWriteLease(AddressOf(batch[index]), _pageSize) ? PageBits.Dirty : (byte)0;
            byte set = (byte)((before & (PageBits.Ready | PageBits.Kind | keep)) | dirty | (isCopied ? PageBits.Saving : 0));
            Change(batch[index], set, PageBits.Kind | PageBits.Dirty);
        }
    }

    private void Write()
    {
        try
        {
            int writes = _writes.Write(_copies, _copied, _pageSize);
            _counters.WasSaved(_copied.Count, writes);
        }
        catch
        {
            // What did arrive is written once more: harmless, and simpler than to know.
            foreach (PageCopy copy in _copied)
            {
                Change(copy.Page, PageBits.Dirty, 0, keepWaiters: true);
                _memory.MarkWritten(new AddressRange(AddressOf(copy.Page), _pageSize));
            }

            throw;
        }
        finally
        {
            foreach (PageCopy copy in _copied)
            {
                Change(copy.Page, 0, PageBits.Saving, keepWaiters: true);
            }
        }
    }

    private void Change(uint page, byte set, byte clear, bool keepWaiters = false)
    {
        byte seen = _pages.Change(page, set, (byte)(clear | (keepWaiters ? 0 : PageBits.Waited)));
        if (!keepWaiters && (seen & PageBits.Waited) != 0)
        {
            _waiters.Tell(page);
        }
    }

    private ulong AddressOf(uint page) => _memory.Range.Start + (page * _pageSize);
}
