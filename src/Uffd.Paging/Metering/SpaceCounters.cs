namespace Uffd.Paging;

/// <summary>
/// The counters behind <see cref="AddressSpaceStatistics"/>, bumped by the threads that serve one address space. Nobody else writes
/// them, so that they stay in the cache of who does. A test holds that none is forgotten below.
/// </summary>
internal sealed class SpaceCounters
{
    public readonly LatencyHistogram FillLatency = new();
    public readonly LatencyHistogram SourceLatency = new();

    public long Faults;
    public long MissingFaults;
    public long DuplicateFaults;
    public long WriteProtectFaults;
    public long MinorFaults;
    public long OutsideFaults;
    public long DemandPages;
    public long BackgroundPages;
    public long ReplayedPages;
    public long ReadAheadPages;
    public long PrefetchHits;
    public long PrefetchWaste;
    public long ZeroPages;
    public long SharedPages;
    public long CopiedBytes;
    public long ResidentBytes;
    public long RemovedPages;
    public long PoisonedPages;
    public long SourceFailures;
    public long SourceRetries;
    public long Retries;
    public long AlreadyPresent;
    public long Events;

    public static void Add(ref long counter, long amount = 1) => Interlocked.Add(ref counter, amount);

    /// <summary>A demand fill is done.</summary>
    /// <param name="since">The timestamp of when its fault was read.</param>
    public void MeasureFill(long since)
    {
        long nanoseconds = LatencyHistogram.NanosecondsSince(since);
        FillLatency.Add(nanoseconds);
        PagingMeter.RecordFill(nanoseconds);
    }

    /// <summary>A source has given what it was asked for.</summary>
    /// <param name="since">The timestamp of when it was asked.</param>
    public void MeasureSource(long since)
    {
        long nanoseconds = LatencyHistogram.NanosecondsSince(since);
        SourceLatency.Add(nanoseconds);
        PagingMeter.RecordSource(nanoseconds);
    }

    /// <summary>A source that takes its time has answered; what it did not give is counted as a failure.</summary>
    public void MeasureSource(Fetch fetch)
    {
        if (fetch.Error is null)
        {
            MeasureSource(fetch.ReadSince);
        }
    }

    /// <summary>Adds all of these to others.</summary>
    public void AddTo(SpaceCounters sum)
    {
        sum.FillLatency.Add(FillLatency);
        sum.SourceLatency.Add(SourceLatency);
        sum.Faults += Volatile.Read(ref Faults);
        sum.MissingFaults += Volatile.Read(ref MissingFaults);
        sum.DuplicateFaults += Volatile.Read(ref DuplicateFaults);
        sum.WriteProtectFaults += Volatile.Read(ref WriteProtectFaults);
        sum.MinorFaults += Volatile.Read(ref MinorFaults);
        sum.OutsideFaults += Volatile.Read(ref OutsideFaults);
        sum.DemandPages += Volatile.Read(ref DemandPages);
        sum.BackgroundPages += Volatile.Read(ref BackgroundPages);
        sum.ReplayedPages += Volatile.Read(ref ReplayedPages);
        sum.ReadAheadPages += Volatile.Read(ref ReadAheadPages);
        sum.PrefetchHits += Volatile.Read(ref PrefetchHits);
        sum.PrefetchWaste += Volatile.Read(ref PrefetchWaste);
        sum.ZeroPages += Volatile.Read(ref ZeroPages);
        sum.SharedPages += Volatile.Read(ref SharedPages);
        sum.CopiedBytes += Volatile.Read(ref CopiedBytes);
        sum.ResidentBytes += Volatile.Read(ref ResidentBytes);
        sum.RemovedPages += Volatile.Read(ref RemovedPages);
        sum.PoisonedPages += Volatile.Read(ref PoisonedPages);
        sum.SourceFailures += Volatile.Read(ref SourceFailures);
        sum.SourceRetries += Volatile.Read(ref SourceRetries);
        sum.Retries += Volatile.Read(ref Retries);
        sum.AlreadyPresent += Volatile.Read(ref AlreadyPresent);
        sum.Events += Volatile.Read(ref Events);
    }

    public AddressSpaceStatistics Snapshot(long pendingPages, long totalPages, long totalBytes) => new()
    {
        Faults = Volatile.Read(ref Faults),
        MissingFaults = Volatile.Read(ref MissingFaults),
        DuplicateFaults = Volatile.Read(ref DuplicateFaults),
        WriteProtectFaults = Volatile.Read(ref WriteProtectFaults),
        MinorFaults = Volatile.Read(ref MinorFaults),
        OutsideFaults = Volatile.Read(ref OutsideFaults),
        DemandPages = Volatile.Read(ref DemandPages),
        BackgroundPages = Volatile.Read(ref BackgroundPages),
        ReplayedPages = Volatile.Read(ref ReplayedPages),
        ReadAheadPages = Volatile.Read(ref ReadAheadPages),
        PrefetchHits = Volatile.Read(ref PrefetchHits),
        PrefetchWaste = Volatile.Read(ref PrefetchWaste),
        ZeroPages = Volatile.Read(ref ZeroPages),
        SharedPages = Volatile.Read(ref SharedPages),
        CopiedBytes = Volatile.Read(ref CopiedBytes),
        ResidentBytes = Math.Max(0, Volatile.Read(ref ResidentBytes)),
        RemovedPages = Volatile.Read(ref RemovedPages),
        PoisonedPages = Volatile.Read(ref PoisonedPages),
        SourceFailures = Volatile.Read(ref SourceFailures),
        SourceRetries = Volatile.Read(ref SourceRetries),
        Retries = Volatile.Read(ref Retries),
        AlreadyPresent = Volatile.Read(ref AlreadyPresent),
        Events = Volatile.Read(ref Events),
        PendingPages = Math.Max(0, pendingPages),
        TotalPages = totalPages,
        TotalBytes = totalBytes,
        FillLatency = FillLatency.Snapshot(),
        SourceLatency = SourceLatency.Snapshot(),
    };
}
