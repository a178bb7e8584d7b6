namespace Uffd.Paging;

/// <summary>What happened in a region, counted without a lock. A hit is not counted: it costs nothing.</summary>
internal sealed class RegionCounters
{
    private long _resident;
    private long _misses;
    private long _filled;
    private long _ahead;
    private long _evicted;
    private long _saved;
    private long _saves;
    private long _saveFailures;
    private long _stalls;

    /// <summary>Pages that are here or for which room was made.</summary>
    public long Resident => Interlocked.Read(ref _resident);

    public long Misses => Interlocked.Read(ref _misses);

    public long Filled => Interlocked.Read(ref _filled);

    public long Ahead => Interlocked.Read(ref _ahead);

    public long Evicted => Interlocked.Read(ref _evicted);

    public long Saved => Interlocked.Read(ref _saved);

    public long Saves => Interlocked.Read(ref _saves);

    public long SaveFailures => Interlocked.Read(ref _saveFailures);

    public long Stalls => Interlocked.Read(ref _stalls);

    /// <summary>Asks for room; tells how many pages there would be with it.</summary>
    public long Reserve(int count) => Interlocked.Add(ref _resident, count);

    /// <summary>Gives back room that was not used.</summary>
    public void Unreserve(int count) => Interlocked.Add(ref _resident, -count);

    public void Left(int count)
    {
        Interlocked.Add(ref _resident, -count);
        Interlocked.Add(ref _evicted, count);
    }

    public void Missed() => Interlocked.Increment(ref _misses);

    public void Came(int count, bool ahead)
    {
        Interlocked.Add(ref _filled, count);
        if (ahead)
        {
            Interlocked.Add(ref _ahead, count);
        }
    }

    public void WasSaved(int count, int writes)
    {
        Interlocked.Add(ref _saved, count);
        Interlocked.Add(ref _saves, writes);
    }

    public void SaveFailed() => Interlocked.Increment(ref _saveFailures);

    public void Stalled() => Interlocked.Increment(ref _stalls);
}
