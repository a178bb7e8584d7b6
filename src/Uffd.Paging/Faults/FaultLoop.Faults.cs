namespace Uffd.Paging;

/// <content>Serving one fault.</content>
internal sealed partial class FaultLoop
{
    private const int MaxOutsideTracked = 1024;
    private const int OutsideWakes = 3;

    private static readonly ulong[] HugePageSizes = [64UL << 10, 2UL << 20, 32UL << 20, 1UL << 30]; // of x86-64 and arm64

    /// <returns>False when the process is gone.</returns>
    private bool ServeFault(PageFault fault)
    {
        SpaceCounters.Add(ref _space.Counters.Faults);
        RegionSlice? slice = _space.Table.Find(fault.Address);
        if (slice is null)
        {
            return ServeOutside(fault.Address);
        }

        long page = slice.PageOf(fault.Address);
        SpaceCounters counters = _space.Counters;
        counters.WriteProtectFaults += fault.Kind == PageFaultKind.WriteProtect ? 1 : 0;
        counters.MinorFaults += fault.Kind == PageFaultKind.Minor ? 1 : 0;
        return fault.Kind switch
        {
            PageFaultKind.Missing => ServeMissing(slice, page, (int)fault.ThreadId),

            // It is in the memfd, but perhaps not filled: only the image's own states tell.
            PageFaultKind.Minor when slice.Shared is not null => ServeTouch(slice, page, (int)fault.ThreadId),

            // Nobody here protects pages or fills the page cache: give the thread what it waits for.
            PageFaultKind.WriteProtect => Accept(_userfaultfd.WriteProtect(slice.RangeOf(page, 1), UffdWriteProtectModes.Unprotect), slice, page),
            _ => Accept(_userfaultfd.Continue(slice.RangeOf(page, 1)), slice, page),
        };
    }

    private bool ServeMissing(RegionSlice slice, long page, int thread)
    {
        long duplicates = _space.Counters.DuplicateFaults; // counted by this thread alone
        bool alive = ServeTouch(slice, page, thread);
        _space.Counters.MissingFaults += duplicates == _space.Counters.DuplicateFaults ? 1 : 0;
        return alive;
    }

    /// <summary>A touch is recorded, whoever brings the page. What was discarded is zeros, and no part of the image any more.</summary>
    private bool ServeTouch(RegionSlice slice, long page, int thread)
    {
        if (_space.Options.Recorder is { } recorder && slice.Map[page] != PageState.Removed)
        {
            recorder.Record(slice.Source, slice.SourceOffsetOf(page), slice.PageSize);
        }

        return ServePage(new PageKey(slice.Map, page), attempts: 0, slice, thread);
    }

    private bool ServePage(PageKey key, int attempts, RegionSlice? known = null, int thread = 0)
    {
        RegionSlice? slice = known ?? _space.Table.FindPage(key.Page);
        if (slice is null)
        {
            return true; // unmapped: the kernel has woken and told who waited
        }

        while (true)
        {
            PageState state = key.Map[key.Page];
            switch (state)
            {
                case PageState.Missing or PageState.Unregistered:
                    if (!key.Map.TryChange(key.Page, state, PageState.Filling))
                    {
                        continue;
                    }

                    if (state == PageState.Unregistered)
                    {
                        _space.Unsettled(); // registered after all: a fault says so
                    }

                    return FillOnDemand(slice, key.Page, attempts, thread);
                case PageState.Filling:
                    if (!key.Map.TryChange(key.Page, PageState.Filling, PageState.FillingWanted))
                    {
                        continue;
                    }

                    SpaceCounters.Add(ref _space.Counters.DuplicateFaults);
                    if (!slice.IsQuick)
                    {
                        SourceQueue.Of(slice.Source).Promote(key.Map, key.Page);
                    }

                    return true; // whoever fills it wakes the thread, or hands the fault back to us
                case PageState.FillingWanted or PageState.Parked:
                    SpaceCounters.Add(ref _space.Counters.DuplicateFaults);
                    return true;
                case PageState.Present when slice.Shared is not null:
                    return ServeSharedAgain(slice, key, state, attempts);
                case PageState.Poisoned:
                    SpaceCounters.Add(ref _space.Counters.DuplicateFaults);
                    return Accept(_userfaultfd.Poison(slice.RangeOf(key.Page, 1)), slice, key.Page);
                case PageState.Removed:
                    return ServeZeros(slice, key.Page, removed: true);
                default:
                    // There, as far as we know: an old message, told twice. If the page is missing all the same, the process
                    // has discarded it without an event, and such memory reads zeros. Either way the thread goes on.
                    SpaceCounters.Add(ref _space.Counters.DuplicateFaults);
                    return ServeZeros(slice, key.Page, removed: false);
            }
        }
    }

    /// <summary>Brings a page that was claimed for a fault, and what is worth bringing with it.</summary>
    private bool FillOnDemand(RegionSlice slice, long page, int attempts, int thread)
    {
        _space.LastFault = page;
        _filler.FaultRead = _parked.ReadTimestamp;

        // One that is tried again is tried alone: it may have failed for its neighbours' sake.
        AheadPlan plan = attempts > 0 ? new AheadPlan(page, 1) : PlanAround(slice, page, thread);
        return slice.IsQuick ? FillAround(slice, page, plan, attempts) : FetchAround(slice, page, plan, attempts);
    }

    private bool FillAlone(RegionSlice slice, long page, int attempts)
    {
        FillOutcome outcome = _filler.Fill(slice, page, 1, FillKind.Demand, page);
        return outcome.Status == FillStatus.Done || NotFilled(slice, page, attempts, outcome);
    }

    /// <summary>A claimed page that a fault waits for could not be filled.</summary>
    private bool NotFilled(RegionSlice slice, long page, int attempts, FillOutcome outcome)
    {
        switch (outcome.Status)
        {
            case FillStatus.TargetGone:
                return false;
            case FillStatus.Busy:
                Await(slice, page, attempts);
                return true;
            case FillStatus.Again:
                // Read the events first, then try again: nothing will tell of this fault a second time.
                slice.Map.Exchange(page, PageState.Parked);
                _parked.AddSoon(new PageKey(slice.Map, page), attempts);
                return true;
            default:
                return FailOnDemand(slice, page, attempts, outcome.Reason!);
        }
    }

    /// <summary>The content cannot be had now: again later, and in the end by the failure policy.</summary>
    private bool FailOnDemand(RegionSlice slice, long page, int attempts, string reason)
    {
        if (attempts < _space.Options.SourceRetries)
        {
            if (attempts == 0)
            {
                _space.Notify(PagerNoticeKind.SourceFailed, $"page {slice.AddressOf(page):x}: {reason}; trying again");
            }

            slice.Map.Exchange(page, PageState.Parked);
            SpaceCounters.Add(ref _space.Counters.SourceRetries);
            _parked.AddLater(new PageKey(slice.Map, page), attempts + 1, BackOff(attempts));
            return true;
        }

        if (_space.Options.FailurePolicy == FaultFailurePolicy.Terminate)
        {
            return Terminate(slice, page, reason);
        }

        UffdResult result = _userfaultfd.Poison(slice.RangeOf(page, 1));
        switch (result.Errno)
        {
            case Errno.None:
                slice.Map.Exchange(page, PageState.Poisoned);
                _space.Settled(1);
                SpaceCounters.Add(ref _space.Counters.PoisonedPages);
                _space.Notify(PagerNoticeKind.PagePoisoned, $"page {slice.AddressOf(page):x} was poisoned: {reason}");
                return true;
            case Errno.EAGAIN or Errno.EINTR:
                slice.Map.Exchange(page, PageState.Parked);
                _parked.AddSoon(new PageKey(slice.Map, page), attempts);
                return true;
            case Errno.EEXIST or Errno.ENOENT:
                slice.Map.Exchange(page, result.Errno == Errno.EEXIST ? PageState.Present : PageState.Unregistered);
                SpaceCounters.Add(ref _space.Counters.ResidentBytes, result.Errno == Errno.EEXIST ? (long)slice.PageSize : 0);
                _space.Settled(1);
                _userfaultfd.Wake(slice.RangeOf(page, 1));
                return true;
            case Errno.ESRCH:
                return false;
            default:
                return Terminate(slice, page, $"{reason}, and this kernel cannot poison a page (Linux 6.6 can)");
        }
    }

    /// <summary>Twice as long each time, and never the same for all: what failed together is not asked again together.</summary>
    private TimeSpan BackOff(int attempts)
        => _space.Options.SourceRetryDelay * (1 << Math.Min(attempts, 10)) * (1 + (Random.Shared.NextDouble() / 2));

    private bool Terminate(RegionSlice slice, long page, string reason)
    {
        ProcessHandle? process = _space.Options.TargetProcess;
        Errno errno = process?.Kill() ?? Errno.ESRCH;
        if (process is not null && errno is Errno.None or Errno.ESRCH)
        {
            _space.Notify(PagerNoticeKind.TargetKilled, $"process {process!.ProcessId} was killed: page {slice.AddressOf(page):x}: {reason}");
        }
        else
        {
            _space.Notify(PagerNoticeKind.FaultFrozen, $"page {slice.AddressOf(page):x}: {reason}; its thread waits, because the process cannot be killed ({UffdException.Describe(errno)})");
        }

        // Parked without end: a thread that cannot be served, poisoned or killed waits, and reads nothing wrong.
        slice.Map.Exchange(page, PageState.Parked);
        return true;
    }

    private bool ServeZeros(RegionSlice slice, long page, bool removed)
    {
        UffdResult result = _filler.MapZeros(slice.RangeOf(page, 1));
        if (result.IsComplete)
        {
            SpaceCounters.Add(ref _space.Counters.DemandPages);
            SpaceCounters.Add(ref _space.Counters.ZeroPages);
            _space.Counters.MeasureFill(_parked.ReadTimestamp);
            if (!removed)
            {
                SpaceCounters.Add(ref _space.Counters.RemovedPages); // discarded without an event
            }
        }
        else if (result.Errno is Errno.EAGAIN or Errno.EINTR)
        {
            SpaceCounters.Add(ref _space.Counters.Retries);
            _parked.AddSoon(new PageKey(slice.Map, page), attempts: 0);
            return true;
        }
        else if (result.Errno is not (Errno.EEXIST or Errno.ENOENT or Errno.ESRCH))
        {
            _parked.AddLater(new PageKey(slice.Map, page), attempts: 0, _space.Options.SourceRetryDelay);
            return true;
        }

        return Accept(result, slice, page);
    }

    /// <summary>After an answer that settles a fault in any case: whoever waits looks again.</summary>
    private bool Accept(UffdResult result, RegionSlice slice, long page)
    {
        if (result.Errno is Errno.EAGAIN or Errno.EINTR)
        {
            _parked.AddSoon(new PageKey(slice.Map, page), attempts: 0);
            return true;
        }

        if (!result.IsComplete && result.Errno != Errno.ESRCH)
        {
            _userfaultfd.Wake(slice.RangeOf(page, 1));
        }

        return result.Errno != Errno.ESRCH;
    }

    private bool ServeParked(ParkedFault parked)
    {
        _parked.ReadTimestamp = parked.ReadTimestamp;
        if (parked.Key.Map is null)
        {
            return ServeOutside(parked.OutsideAddress);
        }

        // A discard or a fill may have changed it meanwhile; then it is served as it is now.
        parked.Key.Map.TryChange(parked.Key.Page, PageState.Parked, PageState.Missing);
        return ServePage(parked.Key, parked.Attempts);
    }

    /// <summary>
    /// A fault on registered memory that no region covers. Where the process may remap (EVENT_REMAP), that is memory it grew,
    /// and grown memory is zeros. Elsewhere it is an old message of memory that was unmapped, which a wake settles; if it comes again
    /// and again the client has registered more than it told of, and there is no content for it: poison, loudly.
    /// </summary>
    private bool ServeOutside(ulong address)
    {
        AddressRange range = PageAt(address, (ulong)Environment.SystemPageSize);
        SpaceCounters.Add(ref _space.Counters.OutsideFaults);
        UffdResult result;
        if (_userfaultfd.Features.HasFlag(UffdFeatures.EventRemap) && !_space.Shares) // a mapped file grows by its own bytes
        {
            result = SettleOutside(address, _filler.MapZeros);
        }
        else if (_outside.Count < MaxOutsideTracked && (_outside[range.Start] = _outside.GetValueOrDefault(range.Start) + 1) <= OutsideWakes)
        {
            result = _userfaultfd.Wake(range);
        }
        else
        {
            result = SettleOutside(address, page => _userfaultfd.Poison(page));
            if (result.IsComplete)
            {
                _space.Notify(PagerNoticeKind.OutsideRegions, $"page {range.Start:x} is registered but belongs to no region that was handed over; it was poisoned");
            }
        }

        if (result.Errno is Errno.EAGAIN or Errno.EINTR)
        {
            _parked.AddOutside(range.Start);
        }
        else if (!result.IsComplete)
        {
            _userfaultfd.Wake(range);
        }

        return result.Errno != Errno.ESRCH;
    }

    /// <summary>Nobody told of this memory's pages: if they are huge, the kernel refuses smaller ones (EINVAL).</summary>
    private static UffdResult SettleOutside(ulong address, Func<AddressRange, UffdResult> settle)
    {
        UffdResult result = settle(PageAt(address, (ulong)Environment.SystemPageSize));
        foreach (ulong size in HugePageSizes)
        {
            result = result.Errno == Errno.EINVAL ? settle(PageAt(address, size)) : result;
        }

        return result;
    }

    private static AddressRange PageAt(ulong address, ulong size) => new(address & ~(size - 1), size);
}
