using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging;

/// <summary>
/// The pages of a recorded working set, in the order in which they were touched; sorted within short stretches, for pages side by side
/// come in one call. All of them are claimed before the first fault is served, so that a thread which touches one waits until it comes
/// with the others instead of asking for it alone. That lasts for a while at the most: then faults are served by themselves again.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "LetGo, which is always called, disposes the timer")]
internal sealed class ReplayOrder : IFillOrder
{
    private const int StretchPages = 1024;

    private readonly AddressSpace _space;
    private readonly List<ClaimedRun> _runs = [];
    private readonly Lock _lock = new(); // the time may be up while a run is taken
    private Timer? _timer;
    private int _next;
    private bool _holds;

    public ReplayOrder(AddressSpace space, IReadOnlyList<SourceRange> workingSet)
    {
        _space = space;
        var stretch = new List<(RegionSlice Slice, long Page)>();
        var slices = new SourceSlices(space.Table.Slices);
        foreach (SourceRange range in workingSet)
        {
            foreach ((RegionSlice slice, long first, long end) in slices.Find(range))
            {
                for (long page = first; page < end; page++)
                {
                    stretch.Add((slice, page));
                    if (stretch.Count == StretchPages)
                    {
                        AddRuns(stretch);
                    }
                }
            }
        }

        AddRuns(stretch);
    }

    /// <inheritdoc/>
    public FillKind Kind => FillKind.Replay;

    /// <summary>Claims everything, for a while from now on. Before the first fault is served.</summary>
    public void Hold(TimeSpan time)
    {
        _holds = true;
        for (int index = 0; index < _runs.Count; index++)
        {
            ClaimedRun run = _runs[index];
            int claimed = Claims.TryClaim(run.Slice.Map, run.Page, run.Page + run.Count);
            _runs[index] = run with { Count = claimed }; // what was named twice is claimed already
        }

        // Not by the thread that brings them: a source that does not answer may hold it up for longer.
        _timer = new Timer(static order => ((ReplayOrder)order!).LetGo(), this, time, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public bool TryTake(ulong most, out ClaimedRun run)
    {
        lock (_lock)
        {
            while (_next < _runs.Count)
            {
                ClaimedRun rest = _runs[_next];
                int count = (int)Math.Min(rest.Count, Claims.PagesOf(rest.Slice, most));
                _runs[_next] = rest with { Page = rest.Page + count, Count = rest.Count - count };
                _next += rest.Count == count ? 1 : 0;
                run = rest with { Count = _holds ? count : Claims.TryClaim(rest.Slice.Map, rest.Page, rest.Page + count) };
                if (run.Count > 0)
                {
                    return true; // a part that could not be claimed is there, or on its way
                }
            }

            run = default;
            return false;
        }
    }

    /// <inheritdoc/>
    public void Skip(long page)
    {
        // It comes with the rest, or when it is touched.
    }

    /// <inheritdoc/>
    public bool TryStartPass() => false;

    /// <summary>Gives back what is still claimed, once: faults that wait for it are served by themselves.</summary>
    public void LetGo()
    {
        lock (_lock)
        {
            if (!_holds)
            {
                return;
            }

            _holds = false;
            _timer?.Dispose();
            for (int index = _next; index < _runs.Count; index++)
            {
                ClaimedRun run = _runs[index];
                Claims.Release(_space, run.Slice.Map, run.Page, run.Count);
            }
        }
    }

    private void AddRuns(List<(RegionSlice Slice, long Page)> stretch)
    {
        stretch.Sort((one, other) => one.Page.CompareTo(other.Page));
        foreach ((RegionSlice slice, long page) in stretch)
        {
            if (_runs.Count > 0 && _runs[^1] is var last && ReferenceEquals(last.Slice, slice) && last.Page + last.Count >= page && last.Page <= page)
            {
                _runs[^1] = last with { Count = (int)Math.Max(last.Count, page - last.Page + 1) };
            }
            else
            {
                _runs.Add(new ClaimedRun(slice, page, 1));
            }
        }

        stretch.Clear();
    }
}
