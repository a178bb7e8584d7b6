using System.Diagnostics;
using System.Globalization;
using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>One snapshot from beginning to end: rounds until little is left, one stop, and the end of the file.</summary>
internal sealed class SnapshotSession : IDisposable
{
    private const int MostRounds = 24;
    private const int MostTries = 6;
    private const int TriesUnslowed = 2; // it may have been bad luck
    private const double Shrinking = 0.8; // a round that finds more than this share of the one before gains too little
    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;
    private static readonly TimeSpan[] RunTimes = [TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(0.3), TimeSpan.FromMilliseconds(0.1)];

    private readonly int _processId;
    private readonly ISnapshotSink _sink;
    private readonly ProcessSnapshotOptions _options;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly RangeSet _copied = new();
    private readonly List<SnapshotRound> _rounds = [];
    private readonly List<string> _warnings = [];
    private readonly Tracee _tracee;
    private readonly WriteTracking _tracking;
    private readonly ProcessMemory _memory;
    private readonly MapsSnapshot _maps;
    private readonly CapturePlan _plan;
    private readonly PageCopier _running;
    private readonly PageCopier _standing;
    private readonly CopyRounds _copy;
    private readonly FinalStop _final;
    private readonly StopBudget _budget;
    private readonly TimeSpan _attachPause;
    private TimeSpan _longestThrottle;
    private double _dirtyPagesPerSecond;
    private bool _isReleased;
    private bool _isSettled;

    public SnapshotSession(Tracee tracee, int processId, ISnapshotSink sink, ProcessSnapshotOptions options)
    {
        _tracee = tracee;
        _processId = processId;
        _sink = sink;
        _options = options;
        _budget = new StopBudget(options.MaxPause);
        _memory = ProcessMemory.Open(processId);
        _maps = MapsSnapshot.Open(processId);
        _plan = new CapturePlan(processId, new RegionPolicy(options.CoreDumpFilter ?? RegionPolicy.FilterOf(processId)), _maps);
        ulong buffer = Math.Max(4UL << 20, (ulong)options.BufferBytes) / 2 / PageSize * PageSize;
        var unreadable = new RangeSet();
        _running = new PageCopier(_memory, sink, _copied, unreadable, buffer);
        _standing = new PageCopier(_memory, sink, _copied, unreadable, buffer) { IsPassing = false, BeforeStore = Settle };
        _tracking = new WriteTracking(tracee.TakeUserfaultfd(UffdFeatures.WriteProtectAsync, out _attachPause), processId);
        _copy = new CopyRounds(processId, _plan, _tracking, _running, _memory, _copied, sink, new Pacer(options.BytesPerSecond));
        _final = new FinalStop(_plan, _tracking, _standing, _copy.Own, _copy.Untold, processId);
    }

    /// <summary>Takes it.</summary>
    public SnapshotReport Take(CancellationToken cancellation)
    {
        Converge(SnapshotPhase.Copying, cancellation);
        TimeSpan pause = Stop(cancellation);
        cancellation.ThrowIfCancellationRequested();
        Tell(SnapshotPhase.Writing, 0, 0);
        Store();
        IReadOnlyList<SnapshotRegion> regions = [.. _plan.Regions.Select(region => new SnapshotRegion(region.Mapping, region.Content))];
        ProcessState state = ProcessStateReader.Read(_processId, _final.Registers, _final.Threads, regions, _final.Instant);
        Release();
        _sink.Complete(state);
        Warn(pause);
        return new SnapshotReport
        {
            AttachPause = _attachPause,
            FinalPause = pause,
            LongestThrottlePause = _longestThrottle,
            Rounds = _rounds,
            Pages = (long)(_copied.Length / PageSize),
            CopiedBytes = (long)(_running.CopiedBytes + _standing.CopiedBytes),
            FileBytes = _sink.StoredBytes,
            Duration = Stopwatch.GetElapsedTime(_start),
            Threads = _final.Threads,
            Warnings = _warnings,
        };
    }

    /// <summary>Lets the process go entirely.</summary>
    public void Dispose()
    {
        Release(); // where it failed: in slices, as after a success
        _tracking.Dispose();
        _running.Dispose();
        _standing.Dispose();
        _maps.Dispose();
        _memory.Dispose();
    }

    /// <summary>Rounds until what is left fits the stop, or does not become less.</summary>
    /// <returns>Whether it fits.</returns>
    private bool Converge(SnapshotPhase phase, CancellationToken cancellation)
    {
        long before = long.MaxValue;
        int vain = 0;
        for (int round = 0; round < MostRounds && vain < 3; round++)
        {
            long start = Stopwatch.GetTimestamp();
            _copy.Found = found => Tell(phase, found, Math.Max(found, _rounds.Count == 0 ? EstimatedPages() : before == long.MaxValue ? 0 : before));
            _copy.Run(defers: _rounds.Count > 1, cancellation);
            TimeSpan took = Stopwatch.GetElapsedTime(start);
            _rounds.Add(new SnapshotRound(_copy.Pages, took));
            _budget.Fixed = _copy.Searching + TimeSpan.FromMilliseconds(0.3);
            if (_rounds.Count > 1)
            {
                _dirtyPagesPerSecond = _copy.Pages / Math.Max(took.TotalSeconds, 1e-6);
            }

            Tell(phase, _copy.Pages, _copy.Pages);
            if (_copy.Pages <= _budget.Pages && _rounds.Count > 1)
            {
                return true;
            }

            vain = _rounds.Count > 2 && _copy.Pages > before * Shrinking ? vain + 1 : 0;
            before = _copy.Pages;
        }

        return false;
    }

    private TimeSpan Stop(CancellationToken cancellation)
    {
        for (int attempt = 0; attempt < MostTries; attempt++)
        {
            // Whatever was found in the rehearsal is still marked as written: the round takes it away before the stop.
            _final.Expect(ThreadCount());
            _final.Rehearse();
            _copy.Run(defers: true, cancellation);
            _final.LastRound = () => _copy.Again(defers: true, cancellation);
            _final.MostPages = _budget.Pages * 2;
            if (TryStop(out TimeSpan pause))
            {
                return pause;
            }

            if (_options.WhenNotConverging == ConvergenceChoice.LongerStop)
            {
                break;
            }

            if (attempt >= TriesUnslowed)
            {
                Slow(RunTimes[Math.Min(attempt - TriesUnslowed, RunTimes.Length - 1)], cancellation);
                if (TryStop(out pause))
                {
                    return pause;
                }
            }
        }

        _final.MostPages = long.MaxValue;
        _final.LastRound = null;
        return TryStop(out TimeSpan whole) ? whole : throw WriteTracking.Gone();
    }

    private void Slow(TimeSpan run, CancellationToken cancellation)
    {
        TimeSpan stop = _options.MaxPause * 0.5; // stopping and letting go come on top
        var throttle = new Throttle(_tracee, stop, run);
        try
        {
            Converge(SnapshotPhase.Throttling, cancellation);
        }
        finally
        {
            throttle.Dispose();
        }

        _longestThrottle = throttle.Longest > _longestThrottle ? throttle.Longest : _longestThrottle;
    }

    private bool TryStop(out TimeSpan pause)
    {
        pause = _tracee.RunStopped(_final);
        if (_final.IsGone)
        {
            throw WriteTracking.Gone();
        }

        _budget.Fixed = _final.TooMany ? pause : pause - _final.Copying;
        if (_final.TooMany)
        {
            _longestThrottle = pause > _longestThrottle ? pause : _longestThrottle;
            return false;
        }

        _budget.Learn(_final.Pages, _final.Copying);
        _rounds.Add(new SnapshotRound(_copy.Pages, _copy.Searching));
        _rounds.Add(new SnapshotRound(_final.Pages, pause));
        return true;
    }

    /// <summary>What the stop found goes to the sink.</summary>
    private void Store()
    {
        Settle();
        _standing.Store();
    }

    /// <summary>
    /// What is older goes before it: pages that late rounds kept back, and then pages that lie elsewhere now, or nowhere. In the stop itself where the last round does not fit its buffer.
    /// </summary>
    private void Settle()
    {
        if (_isSettled)
        {
            return;
        }

        _isSettled = true;
        _running.Store();
        foreach (AddressRange forgotten in _final.Forgotten)
        {
            Forget(forgotten);
        }

        for (int index = 0; index < _final.Runs.Count; index++)
        {
            PageRegion run = _final.Runs[index];
            if (!PageQueries.IsPopulated(run.Categories))
            {
                Forget(run.Range);
            }
        }
    }

    private void Forget(AddressRange range)
    {
        foreach (AddressRange copied in _copied.Within(range).ToArray())
        {
            _sink.Discard(copied);
            _copied.Remove(copied);
        }
    }

    private void Release()
    {
        if (_isReleased)
        {
            return;
        }

        _isReleased = true;
        try
        {
            _tracking.Release(MemoryMap.Read(_processId).Regions, _copied);
        }
        catch (Exception failure) when (failure is UffdException or InvalidDataException)
        {
            // It has ended, or its mappings could not be read: the kernel lets go of them at the last close, in one piece.
        }
    }

    private void Warn(TimeSpan pause)
    {
        if (pause > _options.MaxPause)
        {
            TimeSpan stopping = pause - _final.Searching - _final.Copying;
            _warnings.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"the last stop took {pause.TotalMilliseconds:0.0} ms, more than the {_options.MaxPause.TotalMilliseconds:0.##} ms that were allowed: {_final.Searching.TotalMilliseconds:0.0} to look for pages, {_final.Copying.TotalMilliseconds:0.0} to copy {_final.Pages} of them, {stopping.TotalMilliseconds:0.0} to stop and read {_final.Threads} threads"));
        }

        ulong others = _plan.Regions.Where(region => region.IsSharedWithOthers && region.Content == RegionContent.Whole).Aggregate(0UL, (sum, region) => sum + region.Range.Length);
        if (others > 0)
        {
            _warnings.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"{others / (1UL << 20)} MiB of shared memory are mapped by other processes too: what those wrote during the snapshot may be of different moments"));
        }

        ulong lost = _plan.Regions.Where(region => region.Content != RegionContent.None)
            .SelectMany(region => _standing.Unreadable.Within(region.Range)).Aggregate(0UL, (sum, range) => sum + range.Length);
        if (lost > 0)
        {
            _warnings.Add(string.Create(CultureInfo.InvariantCulture, $"{lost / PageSize} pages could not be read from the process and are not in the snapshot"));
        }
    }

    private long EstimatedPages() => _plan.Regions.Where(region => region.Content != RegionContent.None).Sum(region => (long)(region.Resident / PageSize));

    private int ThreadCount()
    {
        try
        {
            return Directory.GetDirectories(string.Create(CultureInfo.InvariantCulture, $"/proc/{_processId}/task")).Length;
        }
        catch (IOException)
        {
            throw WriteTracking.Gone();
        }
    }

    private void Tell(SnapshotPhase phase, long done, long all)
        => _options.Progress?.Invoke(new SnapshotProgress(
            phase,
            _rounds.Count + 1,
            Math.Max(0, all - done),
            all,
            _dirtyPagesPerSecond,
            (long)(_running.CopiedBytes + _standing.CopiedBytes),
            Stopwatch.GetElapsedTime(_start)));
}
