namespace Uffd.Paging;

/// <summary>
/// The thread that makes room: takes the pages whose turn it is, saves those that are dirty, and gives their memory back. It begins above the
/// high watermark, or when a fault waits, and goes on down to the low one.
/// </summary>
internal sealed class RawEvictor : IDisposable
{
    private const int MostLooked = 4 * RawWriteBack.BatchPages;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly RawRegion _region;
    private readonly RawWriteBack _writeBack;
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly List<(long Page, bool IsRecent)> _clean = [];
    private readonly List<(long Page, bool IsRecent)> _dirty = [];
    private readonly List<long> _order = [];
    private readonly Thread _thread;
    private volatile bool _stopping;
    private volatile bool _stuck;

    public RawEvictor(RawRegion region, RawWriteBack writeBack)
    {
        _region = region;
        _writeBack = writeBack;
        _thread = new Thread(Run) { IsBackground = true, Name = "uffd-raw-evict" };
    }

    /// <summary>Whether no page can leave, because none that is left can be saved.</summary>
    public bool IsStuck => _stuck && _writeBack.IsFailing;

    /// <summary>Called when there is room again.</summary>
    public Action MadeRoom { get; set; } = () => { };

    public void Start() => _thread.Start();

    public bool Stop(TimeSpan timeout)
    {
        _stopping = true;
        _wake.Set();
        return !_thread.IsAlive || _thread.Join(timeout);
    }

    /// <summary>There is too little room, or a fault waits for it.</summary>
    public void Wake() => _wake.Set();

    public void Dispose() => _wake.Dispose();

    private void Run()
    {
        try
        {
            while (!_stopping)
            {
                _wake.WaitOne();
                while (!_stopping && HasTooMany())
                {
                    if (!TryEvict())
                    {
                        _stuck = true;
                        _wake.WaitOne(Pause); // what is being filled or written now can leave soon
                    }
                }

                _stuck = false;
                MadeRoom();
            }
        }
        catch (Exception exception) // without us every fault would wait for room in the end
        {
            RawEngineFailure.End($"the evictor failed: {exception.Message}");
        }
    }

    private bool HasTooMany()
    {
        lock (_region.Pages.Gate)
        {
            return _region.Pages.Resident > _region.LowPages;
        }
    }

    /// <returns>False when no page left.</returns>
    private bool TryEvict()
    {
        Choose();
        bool any = TryGiveBack(_clean);
        if (_dirty.Count > 0)
        {
            _dirty.Sort(static (left, right) => left.Page.CompareTo(right.Page));
            _order.Clear();
            _order.AddRange(_dirty.Select(entry => entry.Page));
            _writeBack.TrySave(_order);
            ClaimSaved();
            any |= TryGiveBack(_clean);
        }

        return any;
    }

    /// <summary>Takes what is next. Clean pages are claimed.</summary>
    private void Choose()
    {
        _clean.Clear();
        _dirty.Clear();
        bool savesNone = _writeBack.ShouldWait;
        RawPages pages = _region.Pages;
        lock (pages.Gate)
        {
            long most = Math.Min(RawWriteBack.BatchPages, Math.Max(1, pages.Resident - _region.LowPages));
            for (int looked = Math.Min(_region.Queues.Count, MostLooked); looked > 0 && _clean.Count + _dirty.Count < most; looked--)
            {
                if (!_region.Queues.TryTake(out long page, out bool isRecent))
                {
                    break;
                }

                switch (pages[page])
                {
                    case RawPageState.Clean:
                        pages[page] = RawPageState.Evicting;
                        _clean.Add((page, isRecent));
                        break;
                    case RawPageState.Dirty when !savesNone:
                        _dirty.Add((page, isRecent));
                        break;
                    default:
                        _region.Queues.PutBack(page); // it is being written, or cannot be now
                        break;
                }
            }
        }

        _clean.Sort(static (left, right) => left.Page.CompareTo(right.Page));
    }

    /// <summary>Claims what was saved and not written since. The rest is in use, or could not be saved.</summary>
    private void ClaimSaved()
    {
        _clean.Clear();
        lock (_region.Pages.Gate)
        {
            foreach ((long page, bool isRecent) in _dirty)
            {
                if (_region.Pages[page] == RawPageState.Clean)
                {
                    _region.Pages[page] = RawPageState.Evicting;
                    _clean.Add((page, isRecent));
                }
                else
                {
                    _region.Queues.PutBack(page);
                }
            }
        }
    }

    /// <summary>Gives the memory of claimed pages back, in runs.</summary>
    private bool TryGiveBack(List<(long Page, bool IsRecent)> claimed)
    {
        for (int from = 0; from < claimed.Count;)
        {
            int end = from + 1;
            while (end < claimed.Count && claimed[end].Page == claimed[end - 1].Page + 1)
            {
                end++;
            }

            _region.Memory.Punch(claimed[from].Page, end - from);
            Settle(claimed, from, end);
            from = end;
        }

        if (claimed.Count > 0)
        {
            RawCounters.Add(ref _region.Counters.EvictedPages, claimed.Count);
            _stuck = false;
            MadeRoom();
        }

        return claimed.Count > 0;
    }

    private void Settle(List<(long Page, bool IsRecent)> claimed, int from, int end)
    {
        lock (_region.Pages.Gate)
        {
            for (int index = from; index < end; index++)
            {
                (long page, bool isRecent) = claimed[index];
                bool wanted = _region.Pages[page] == RawPageState.EvictingWanted;
                _region.Pages[page] = RawPageState.Missing;
                _region.Queues.Evicted(page, isRecent);
                if (wanted)
                {
                    _region.Memory.Wake(page, 1); // it faults again, and finds the page missing
                }
            }

            _region.Pages.Release(end - from);
        }
    }
}
