namespace Uffd.Paging;

/// <summary>The pager of one region, in the pager process: its threads, from their start to the end of the region.</summary>
internal sealed class RawPager : IDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);

    private readonly RawRegion _region;
    private readonly RawWriteBack _writeBack;
    private readonly RawEvictor _evictor;
    private readonly RawFills _fills;
    private readonly RawFaults _faults;

    /// <param name="region">Owned from now on.</param>
    public RawPager(RawRegion region)
    {
        _region = region;
        _writeBack = new RawWriteBack(region);
        _evictor = new RawEvictor(region, _writeBack);
        _fills = new RawFills(region);
        _faults = new RawFaults(region, _fills, _evictor);
        _evictor.MadeRoom = _faults.Wake;
    }

    public void Start()
    {
        _evictor.Start();
        _faults.Start();
    }

    /// <summary>Saves what is dirty and makes it durable.</summary>
    /// <exception cref="IOException">The store failed; nothing is given up.</exception>
    public void Flush() => _writeBack.Flush();

    public RawRegionStatistics GetStatistics()
    {
        RawCounters counters = _region.Counters;
        long resident;
        long dirty;
        lock (_region.Pages.Gate)
        {
            resident = _region.Pages.Resident;
            dirty = _region.Pages.Dirty;
        }

        return new RawRegionStatistics
        {
            ResidentBytes = (ulong)resident * RawMemory.PageSize,
            DirtyBytes = (ulong)dirty * RawMemory.PageSize,
            MemoryBytes = Memfd.GetAllocatedBytes(_region.Memory.Memfd),
            MissingFaults = Volatile.Read(ref counters.MissingFaults),
            WriteFaults = Volatile.Read(ref counters.WriteFaults),
            FilledPages = Volatile.Read(ref counters.FilledPages),
            WrittenPages = Volatile.Read(ref counters.WrittenPages),
            EvictedPages = Volatile.Read(ref counters.EvictedPages),
            ReturnedPages = Volatile.Read(ref counters.ReturnedPages),
            ParkedFaults = Volatile.Read(ref counters.Parked),
            ReadFailures = Volatile.Read(ref counters.ReadFailures),
            WriteFailures = Volatile.Read(ref counters.WriteFailures),
            PoisonedPages = Volatile.Read(ref counters.PoisonedPages),
        };
    }

    /// <summary>Ends the threads. Faults that come afterwards wait for whoever has the userfaultfd.</summary>
    /// <returns>False when one does not come back from the store; then nothing may be disposed.</returns>
    public bool Stop()
    {
        _region.Stop();
        bool faults = _faults.Stop(StopTimeout);
        bool fills = _fills.Stop(StopTimeout);
        return _evictor.Stop(StopTimeout) && faults && fills;
    }

    /// <summary>
    /// Gives all memory of the region back, after <see cref="Stop"/>: whoever touches it from now on waits for whoever has the userfaultfd.
    /// </summary>
    public void GiveBackAll() => _region.Memory.Punch(0, _region.Memory.Pages);

    /// <summary>Only after <see cref="Stop"/> returned true, or before <see cref="Start"/>.</summary>
    public void Dispose()
    {
        _faults.Dispose();
        _fills.Dispose();
        _evictor.Dispose();
        _writeBack.Dispose();
        _region.Dispose();
    }
}
