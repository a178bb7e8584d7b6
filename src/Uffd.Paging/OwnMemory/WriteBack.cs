namespace Uffd.Paging;

/// <summary>
/// Saves pages: the cold ones that must go, or all of them. When the store fails, in spite of the tries that <see cref="StoreWrites"/>
/// makes, nothing more may be written in the region until a <see cref="Flush"/> has succeeded; what is here stays here.
/// </summary>
internal sealed class WriteBack(PageTable pages, RegionMemory memory, PageEvictor evictor, PageSaver saver, RegionCounters counters, IPageStore store, WritePermit permit) : IDisposable
{
    private const int ColdPages = 4 * PageSaver.BatchPages;
    private const int PatienceMilliseconds = 1;

    private readonly Lock _gate = new(); // one at a time saves
    private readonly List<uint> _cold = [];
    private readonly List<uint> _batch = [];
    private readonly PageRegion[] _written = new PageRegion[64];

    /// <summary>Why nothing more can be saved, or null.</summary>
    public IOException? Failure => permit.IsNever ? null : permit.Refusal;

    /// <summary>Saves the pages that were chosen to go but were written; they go next.</summary>
    /// <returns>Whether some can go now, by this or by a flush that is under way.</returns>
    public bool SaveCold()
    {
        if (permit.Refusal is not null)
        {
            return false;
        }

        if (!_gate.TryEnter(PatienceMilliseconds))
        {
            return true; // a flush saves pages all the time: whoever waits for room looks for them
        }

        try
        {
            _cold.Clear();
            using (evictor.Enter())
            {
                while (_cold.Count < ColdPages && evictor.Queues.TryTakeDirty(out uint page))
                {
                    _cold.Add(page);
                }
            }

            _cold.Sort();
            int saved = 0;
            int clean = 0;
            try
            {
                for (; saved < _cold.Count; saved += Math.Min(PageSaver.BatchPages, _cold.Count - saved))
                {
                    saver.Save(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_cold).Slice(saved, Math.Min(PageSaver.BatchPages, _cold.Count - saved)));
                }
            }
            catch (Exception exception)
            {
                Fail(exception);
            }

            using (evictor.Enter())
            {
                for (int index = 0; index < _cold.Count; index++)
                {
                    // One that is under suspicion again (written meanwhile, or leased to be written) is no room: to call it that would
                    // have it saved again and again while nobody is told that there is none.
                    if (index < saved && (pages.Get(_cold[index]) & PageBits.Dirty) == 0)
                    {
                        evictor.Queues.Saved(_cold[index]);
                        clean++;
                    }
                    else
                    {
                        evictor.Queues.Keep(_cold[index]);
                    }
                }
            }

            return clean > 0;
        }
        finally
        {
            _gate.Exit();
        }
    }

    /// <summary>Saves every page that was written before the call, and has the store make them durable.</summary>
    /// <exception cref="IOException">It failed. What was written is still here; call again when the cause is mended.</exception>
    public void Flush()
    {
        lock (_gate)
        {
            try
            {
                SaveAll();
                long start = RegionMeter.Start();
                store.Flush();
                RegionMeter.Took(start, "flush");
                permit.Grant();
            }
            catch (Exception exception)
            {
                Fail(exception);
                if (exception is IOException)
                {
                    throw;
                }

                throw new IOException($"the page store failed: {exception.Message}", exception); // a store is anyone's code
            }
        }
    }

    /// <summary>The same when the states of all pages were forgotten, so that nobody enters any more.</summary>
    public void FlushLast()
    {
        lock (_gate)
        {
            AddressRange rest = memory.Range;
            while (!rest.IsEmpty)
            {
                PagemapScanResult result = memory.FindWritten(rest, protect: false, _written);
                foreach (PageRegion region in _written.AsSpan(0, result.Regions))
                {
                    for (ulong address = region.Range.Start; address < region.Range.End; address += memory.PageSize)
                    {
                        pages.Change((long)((address - memory.Range.Start) / memory.PageSize), PageBits.Idle, 0); // it is here, and only the saver finds it so
                    }
                }

                rest = AddressRange.FromBounds(Math.Max(result.WalkEnd, rest.Start), rest.End);
            }

            Flush();
        }
    }

    /// <summary>Bytes of pages that were written and not saved, as the page tables tell it now.</summary>
    public ulong CountWrittenBytes()
    {
        Span<PageRegion> found = stackalloc PageRegion[64];
        ulong bytes = 0;
        AddressRange rest = memory.Range;
        while (!rest.IsEmpty)
        {
            PagemapScanResult result = memory.FindWritten(rest, protect: false, found);
            foreach (PageRegion region in found[..result.Regions])
            {
                bytes += region.Range.Length;
            }

            rest = AddressRange.FromBounds(Math.Max(result.WalkEnd, rest.Start), rest.End);
        }

        return bytes;
    }

    public void Dispose() => saver.Dispose();

    private void SaveAll()
    {
        AddressRange rest = memory.Range;
        _batch.Clear();
        while (!rest.IsEmpty)
        {
            PagemapScanResult result = memory.FindWritten(rest, protect: false, _written);
            foreach (PageRegion region in _written.AsSpan(0, result.Regions))
            {
                Add(region.Range);
            }

            rest = AddressRange.FromBounds(Math.Max(result.WalkEnd, rest.Start), rest.End);
        }

        SaveBatch();
    }

    private void Add(AddressRange written)
    {
        long first = (long)((written.Start - memory.Range.Start) / memory.PageSize);
        long end = (long)((written.End - memory.Range.Start) / memory.PageSize);
        for (long page = first; page < end; page++)
        {
            System.Diagnostics.Debug.Assert(page < pages.Count);
            _batch.Add((uint)page);
            if (_batch.Count == PageSaver.BatchPages)
            {
                SaveBatch();
            }
        }
    }

    private void SaveBatch()
    {
        saver.Save(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_batch));
        _batch.Clear();
    }

    private void Fail(Exception exception)
    {
        counters.SaveFailed();
        permit.Refuse(new RegionReadOnlyException($"the region is read-only since its pages could not be written back: {exception.Message}; mend that, then call Flush", exception));
    }
}
