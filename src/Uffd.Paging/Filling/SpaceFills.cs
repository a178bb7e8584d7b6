namespace Uffd.Paging;

/// <summary>
/// The fills of an address space that no fault waits for: a working set first, if one is replayed, and then everything. Each runs at most
/// once, and not after they were told to stop.
/// </summary>
internal sealed class SpaceFills
{
    private readonly AddressSpace _space;
    private readonly Lock _lock = new();
    private ReplayOrder? _replayOrder;
    private BackgroundFill? _replay;
    private BackgroundFill? _all;
    private bool _replaying;
    private bool _allWanted;
    private bool _refused;

    public SpaceFills(AddressSpace space) => _space = space;

    /// <summary>Claims a working set, so that its pages come together. Before the first fault is served.</summary>
    /// <param name="workingSet">What to bring first.</param>
    /// <param name="hold">How long a fault may wait for it at the most.</param>
    public void PrepareReplay(IReadOnlyList<SourceRange> workingSet, TimeSpan hold)
    {
        _replayOrder = new ReplayOrder(_space, workingSet);
        _replayOrder.Hold(hold);
    }

    /// <summary>Brings what was prepared.</summary>
    /// <exception cref="OutOfMemoryException">There is no memory for its thread; what it had claimed is served when it is touched.</exception>
    public void StartReplay()
    {
        if (_replayOrder is null)
        {
            return;
        }

        lock (_lock)
        {
            if (_refused)
            {
                return; // it ends before it has begun
            }

            var fill = new BackgroundFill(_space, _replayOrder, bytesPerSecond: 0, EndReplay);
            try
            {
                Start(fill);
            }
            catch
            {
                _replayOrder.LetGo();
                throw;
            }

            _replay = fill;
            _replaying = true;
        }
    }

    /// <summary>Brings everything; after the working set, where one is being replayed.</summary>
    /// <exception cref="OutOfMemoryException">There is no memory for its thread.</exception>
    public void StartAll()
    {
        lock (_lock)
        {
            _allWanted = true;
            if (_all is not null || _refused || _replaying)
            {
                return;
            }

            ulong limit = _space.Options.BackgroundBytesPerSecond;
            var fill = new BackgroundFill(_space, new FillOrder(_space), limit, () => _space.BringsAll = false);
            _space.BringsAll = limit == 0;
            try
            {
                Start(fill);
            }
            catch
            {
                _space.BringsAll = false;
                throw;
            }

            _all = fill;
        }
    }

    /// <summary>Ends them for good and waits.</summary>
    public void Stop(TimeSpan timeout)
    {
        BackgroundFill? replay;
        BackgroundFill? all;
        lock (_lock)
        {
            _refused = true;
            replay = _replay;
            all = _all;
        }

        replay?.Stop(timeout);
        all?.Stop(timeout);
    }

    private void Start(BackgroundFill fill)
    {
        _space.UseMap();
        try
        {
            fill.Start();
        }
        catch
        {
            _space.ReleaseMap();
            throw;
        }
    }

    private void EndReplay()
    {
        _replayOrder!.LetGo();
        bool goesOn;
        lock (_lock)
        {
            _replaying = false;
            goesOn = _allWanted;
        }

        if (goesOn)
        {
            _space.TryStartBackgroundFill();
        }
    }
}
