using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>How a fill ended.</summary>
internal enum FillStatus
{
    /// <summary>All pages are settled.</summary>
    Done,

    /// <summary>The address space is changing: read its events, then try again.</summary>
    Again,

    /// <summary>The source could not give the next page.</summary>
    SourceFailed,

    /// <summary>Somebody else is bringing the next page to its shared image: this filler's fault is told when it has come.</summary>
    Busy,

    /// <summary>The process is gone.</summary>
    TargetGone,

    /// <summary>The kernel refused the next page for another reason: no memory, for one.</summary>
    Refused,
}

/// <summary>What a fill did: so many pages from the start are settled; the status is of the page behind them.</summary>
internal readonly record struct FillOutcome(int Pages, FillStatus Status, string? Reason = null)
{
    /// <summary>With <see cref="FillStatus.Busy"/>: how many pages are on their way. 0: no more can be brought at once.</summary>
    public int BusyPages { get; init; }

    public static FillOutcome Done(int pages) => new(pages, FillStatus.Done);
}

/// <summary>
/// Brings claimed pages from their source into the process. Used by one thread; the fault loop and the background fill have
/// one each. Pages must be claimed (<see cref="PageState.Filling"/>) by that thread.
/// </summary>
internal sealed unsafe partial class PageFiller : IDisposable
{
    private const int MinimumStaging = 256 << 10;

    private readonly AddressSpace _space;
    private readonly EventGate? _gate;
    private byte* _staging; // native: the kernel copies from it while nothing need be pinned
    private ulong _stagingBytes;
    private FillKind _kind;       // of the fill in hand
    private long _demandPage = -1; // the page of it that a fault waits for

    /// <param name="space">The address space.</param>
    /// <param name="gate">
    /// Held while pages are installed, so that no event is read and applied in between; null for the thread that reads events.
    /// </param>
    public PageFiller(AddressSpace space, EventGate? gate)
    {
        _space = space;
        _gate = gate;
    }

    /// <summary>When the fault was read that waits for the page in hand (<see cref="System.Diagnostics.Stopwatch"/>).</summary>
    public long FaultRead { get; set; }

    /// <summary>Looking for zeros costs a look at each byte: done where nobody waits.</summary>
    private bool LooksForZeros => _kind is FillKind.Background or FillKind.Replay;

    /// <summary>Fills a run of claimed pages from a source whose reads are quick.</summary>
    /// <param name="slice">Their region.</param>
    /// <param name="first">The first.</param>
    /// <param name="count">How many.</param>
    /// <param name="kind">Why.</param>
    /// <param name="demandPage">The page that a fault waits for, or -1.</param>
    public FillOutcome Fill(RegionSlice slice, long first, int count, FillKind kind, long demandPage = -1)
    {
        _kind = kind;
        _demandPage = demandPage;
        if (slice.Shared is { } image)
        {
            return FillShared(slice, image, first, count);
        }

        int done = 0;
        while (done < count)
        {
            long page = first + done;
            SourceRun run;
            try
            {
                run = SourceRuns.GetWholePages(slice, page, count - done);
            }
            catch (Exception exception)
            {
                return SourceFailed(exception.Message) with { Pages = done };
            }

            int pages = (int)Math.Min((ulong)(count - done), run.Length >> slice.PageShift);
            FillOutcome outcome = run.Kind switch
            {
                SourceRunKind.Poisoned => Install(slice, page, Math.Max(pages, 1), PageContent.Poison),
                SourceRunKind.Zero or SourceRunKind.Hole when pages > 0 => Install(slice, page, pages, PageContent.Zeros),
                _ => FillData(slice, page, Math.Max(pages, 1)), // a run shorter than a page: the page has both, so it is data
            };
            done += outcome.Pages;
            if (outcome.Status != FillStatus.Done)
            {
                return outcome with { Pages = done };
            }
        }

        return FillOutcome.Done(done);
    }

    /// <summary>Installs what a slow source has brought.</summary>
    public FillOutcome Install(Fetch fetch)
    {
        _kind = fetch.Kind;
        _demandPage = fetch.DemandPage;
        FaultRead = fetch.FaultRead;
        return InstallWithoutZeros(fetch.Slice, fetch.FirstPage, fetch.Pages, fetch.Address);
    }

    /// <summary>Maps zeros over one page that the process has discarded; its state is not claimed.</summary>
    public UffdResult MapZeros(AddressRange range)
    {
        UffdResult result = _space.Userfaultfd.ZeroPageAll(range);
        return result.Errno == Errno.EINVAL // hugetlb memory has no zero page: copy zeros
            ? _space.Userfaultfd.CopyAll(range, ZeroBuffer.AddressFor(range.Length))
            : result;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_staging);
        _staging = null;
    }

    private FillOutcome FillData(RegionSlice slice, long first, int count)
    {
        ulong offset = slice.SourceOffsetOf(first);
        DirectAccess access;
        ulong address;
        try
        {
            access = slice.Source.GetDirect(offset, (ulong)count << slice.PageShift, out address);
        }
        catch (Exception exception)
        {
            return SourceFailed(exception.Message);
        }

        if (access != DirectAccess.None && address == 0)
        {
            return SourceFailed("the source named no address for bytes that it has in memory"); // here 0 stands for zeros
        }

        if (access == DirectAccess.KernelOnly && !LooksForZeros)
        {
            return Install(slice, first, count, PageContent.At(address));
        }

        if (access != DirectAccess.Full)
        {
            // The background fill looks for zeros, and may not touch a mapping that could be cut short. Reading into a buffer that
            // stays in the cache costs no more than copying from the mapping: docs/adr/0003.
            Reserve(slice.PageSize);
            count = (int)Math.Min((ulong)count, _stagingBytes >> slice.PageShift);
            address = (ulong)_staging;
            try
            {
                long asked = System.Diagnostics.Stopwatch.GetTimestamp();
                slice.Source.Read(offset, new Span<byte>(_staging, count << slice.PageShift)); // inside the staging buffer by the line above
                _space.Counters.MeasureSource(asked);
            }
            catch (Exception exception) // a source may be anyone's code, and what it throws is no reason to give up the rest
            {
                return count == 1
                    ? SourceFailed(exception.Message)
                    : FillOneByOne(slice, first); // find out which page it is
            }
        }

        return LooksForZeros || access == DirectAccess.Full
            ? InstallWithoutZeros(slice, first, count, address)
            : Install(slice, first, count, PageContent.At(address));
    }

    private FillOutcome FillOneByOne(RegionSlice slice, long page) => FillData(slice, page, 1);

    /// <summary>Copies what is not zero and maps the rest.</summary>
    private FillOutcome InstallWithoutZeros(RegionSlice slice, long first, int count, ulong address)
    {
        int done = 0;
        while (done < count)
        {
            bool zero = IsZero(address, slice, done);
            int end = done + 1;
            while (end < count && IsZero(address, slice, end) == zero)
            {
                end++;
            }

            FillOutcome outcome = Install(slice, first + done, end - done, zero ? PageContent.Zeros : PageContent.At(address + ((ulong)done << slice.PageShift)));
            done += outcome.Pages;
            if (outcome.Status != FillStatus.Done)
            {
                return outcome with { Pages = done };
            }
        }

        return FillOutcome.Done(done);

        static bool IsZero(ulong address, RegionSlice slice, int page)
            => !new ReadOnlySpan<byte>((void*)(address + ((ulong)page << slice.PageShift)), 1 << slice.PageShift).ContainsAnyExcept((byte)0); // staging or plain memory of at least that length
    }

    /// <summary>Installs claimed pages.</summary>
    private FillOutcome Install(RegionSlice slice, long first, int count, PageContent content)
    {
        int done = 0;
        while (done < count)
        {
            PageContent rest = content.Skip((ulong)done << slice.PageShift);
            FillOutcome outcome;
            if (_gate is null)
            {
                outcome = InstallStep(slice, first + done, count - done, rest);
            }
            else
            {
                using (_gate.EnterToInstall())
                {
                    outcome = InstallStep(slice, first + done, count - done, rest);
                }
            }

            done += outcome.Pages;
            if (outcome.Status != FillStatus.Done)
            {
                return outcome with { Pages = done };
            }
        }

        return FillOutcome.Done(done);
    }

    /// <summary>One system call, with the gate held: from here to its end no event changes what it is based on.</summary>
    private FillOutcome InstallStep(RegionSlice slice, long page, int count, PageContent content)
    {
        RegionSlice? now = _space.Locate(slice, page);
        if (now is null)
        {
            return FillOutcome.Done(1); // unmapped meanwhile: nothing to fill, and nobody waits
        }

        int claimed = 0;
        int limit = (int)Math.Min(count, now.EndPage - page);
        while (claimed < limit && now.Map[page + claimed] is PageState.Filling or PageState.FillingWanted)
        {
            claimed++;
        }

        if (claimed == 0)
        {
            return FillOutcome.Done(1); // discarded meanwhile: the source's bytes must not appear
        }

        AddressRange range = now.RangeOf(page, claimed);
        UffdResult result = Give(range, content);
        if (result.Errno == Errno.ENOENT && result.Bytes == 0 && claimed > 1)
        {
            // The kernel wants a range inside one mapping. Pages of a region may lie in several.
            claimed = 1;
            range = now.RangeOf(page, 1);
            result = Give(range, content);
        }

        int filled = (int)(result.Bytes >> now.PageShift);
        if (filled > 0)
        {
            Count(page, filled, content.Kind, result.Bytes); // before Resident is told, which the last page does
            Settle(now.Map, page, filled, content.Kind == ContentKind.Poison ? PageState.Poisoned : PageState.Present);
        }

        return result.IsComplete ? FillOutcome.Done(filled) : Stopped(now, page + filled, filled, result.Errno, content.Kind);
    }

    private UffdResult Give(AddressRange range, PageContent content) => content.Kind switch
    {
        ContentKind.Zeros => MapZeros(range),
        ContentKind.Poison => _space.Userfaultfd.PoisonAll(range),
        ContentKind.Shared => _space.Userfaultfd.ContinueAll(range),
        _ => _space.Userfaultfd.CopyAll(range, content.Address),
    };

    /// <summary>Decides what the answer means for the page at which the kernel stopped.</summary>
    private FillOutcome Stopped(RegionSlice slice, long page, int filled, Errno errno, ContentKind content)
    {
        switch (errno)
        {
            case Errno.EEXIST:
                SpaceCounters.Add(ref _space.Counters.AlreadyPresent);
                SpaceCounters.Add(ref _space.Counters.ResidentBytes, (long)slice.PageSize);
                Settle(slice.Map, page, 1, PageState.Present);
                _space.Userfaultfd.Wake(slice.RangeOf(page, 1)); // whoever put it there may have woken nobody
                return FillOutcome.Done(filled + 1);
            case Errno.ENOENT:
                Settle(slice.Map, page, 1, PageState.Unregistered);
                _space.Userfaultfd.Wake(slice.RangeOf(page, 1));
                return FillOutcome.Done(filled + 1);
            case Errno.EAGAIN or Errno.EINTR:
                SpaceCounters.Add(ref _space.Counters.Retries);
                return new FillOutcome(filled, FillStatus.Again);
            case Errno.ESRCH:
                return new FillOutcome(filled, FillStatus.TargetGone);
            case Errno.EFAULT when content == ContentKind.Bytes:
                return SourceFailed("the image was cut short or cannot be read") with { Pages = filled };
            default:
                return new FillOutcome(filled, FillStatus.Refused, (content == ContentKind.Shared ? DescribeShared(errno) : null) ?? UffdException.Describe(errno));
        }
    }

    private FillOutcome SourceFailed(string reason)
    {
        SpaceCounters.Add(ref _space.Counters.SourceFailures);
        return new FillOutcome(0, FillStatus.SourceFailed, reason);
    }

    private void Settle(PageStateMap map, long page, int count, PageState state)
    {
        for (int index = 0; index < count; index++)
        {
            map.Exchange(page + index, state);
        }

        _space.Settled(count);
    }

    private void Count(long first, int pages, ContentKind content, ulong bytes)
    {
        if (content == ContentKind.Poison)
        {
            SpaceCounters.Add(ref _space.Counters.PoisonedPages, pages);
            return;
        }

        SpaceCounters.Add(ref _space.Counters.ResidentBytes, (long)bytes);
        bool demanded = _demandPage >= first && _demandPage < first + pages;
        if (demanded)
        {
            SpaceCounters.Add(ref _space.Counters.DemandPages);
            _space.Counters.MeasureFill(FaultRead);
        }

        if (pages > 1 || !demanded)
        {
            SpaceCounters.Add(ref CounterOf(_kind), pages - (demanded ? 1 : 0));
        }

        if (content == ContentKind.Zeros)
        {
            SpaceCounters.Add(ref _space.Counters.ZeroPages, pages);
        }
        else if (content == ContentKind.Shared)
        {
            SpaceCounters.Add(ref _space.Counters.SharedPages, pages);
        }
        else
        {
            SpaceCounters.Add(ref _space.Counters.CopiedBytes, (long)bytes);
        }
    }

    private ref long CounterOf(FillKind kind)
    {
        switch (kind)
        {
            case FillKind.Replay:
                return ref _space.Counters.ReplayedPages;
            case FillKind.Background:
                return ref _space.Counters.BackgroundPages;
            default:
                return ref _space.Counters.ReadAheadPages; // a fault waits for one page; what comes with it is ahead of it
        }
    }

    private void Reserve(ulong pageSize)
    {
        ulong wanted = Math.Max(pageSize, MinimumStaging);
        if (_stagingBytes < wanted)
        {
            NativeMemory.AlignedFree(_staging);
            _staging = (byte*)NativeMemory.AlignedAlloc((nuint)wanted, 4096);
            _stagingBytes = wanted;
        }
    }
}
