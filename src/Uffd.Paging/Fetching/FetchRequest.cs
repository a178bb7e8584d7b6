namespace Uffd.Paging;

/// <summary>A fetch in the queue of its source: whether it waits for its turn, is read, or was given up.</summary>
internal sealed class FetchRequest
{
    /// <summary>Why a read was cancelled that had not been given up: the source has its own reasons.</summary>
    public const string CancelledBySource = "the source has cancelled the read";

    private CancellationTokenSource? _cancellation; // tells the source that it is given up; from the start of the read on
    private int _ended;
    private bool _started;
    private bool _promoted;

    public FetchRequest(Fetch fetch, TimeSpan patience, CancellationToken ending)
    {
        Fetch = fetch;
        Patience = patience;
        Ending = ending;
    }

    public Fetch Fetch { get; }

    /// <summary>How long it may take, waiting for its turn included.</summary>
    public TimeSpan Patience { get; }

    /// <summary>Cancelled when nobody wants it any more.</summary>
    public CancellationToken Ending { get; }

    /// <summary>When it is given up; the deadlines' own.</summary>
    public long Deadline { get; set; }

    /// <summary>Where it is among the deadlines; their own.</summary>
    public int Index { get; set; } = -1;

    /// <summary>Whether it took one of the places of those that nobody waits for.</summary>
    public bool StartedAhead { get; private set; }

    /// <summary>Whether a fault waits for one of its pages, as far as is known.</summary>
    public bool IsAwaited => Fetch.Kind == FillKind.Demand || Volatile.Read(ref _promoted);

    /// <summary>Called under the lock of the queue.</summary>
    /// <returns>False when it was started before, or given up while it waited for its turn.</returns>
    public bool TryStart(bool urgent)
    {
        if (_started || Volatile.Read(ref _ended) != 0)
        {
            return false;
        }

        _started = true;
        StartedAhead = !urgent;
        return true;
    }

    /// <summary>Called under the lock of the queue.</summary>
    /// <returns>Whether it has that page, waits for its turn, and was not brought forward before.</returns>
    public bool TryPromote(PageStateMap map, long page)
    {
        bool promotes = !_started && !_promoted && Has(map, page);
        _promoted |= promotes;
        return promotes;
    }

    /// <summary>Called under the lock of the queue.</summary>
    /// <returns>Whether it has that page and is being read, and nobody waited for it before.</returns>
    public bool TryExpedite(PageStateMap map, long page)
    {
        bool expedites = StartedAhead && !_promoted && Has(map, page);
        _promoted |= expedites;
        return expedites;
    }

    /// <summary>The source is about to be asked.</summary>
    public void Start(CancellationTokenSource cancellation)
    {
        Interlocked.Exchange(ref _cancellation, cancellation); // before the look below: who gives it up sees one or is seen
        if (Volatile.Read(ref _ended) != 0)
        {
            cancellation.Cancel();
        }
    }

    /// <summary>The read has ended.</summary>
    /// <returns>False when it was given up meanwhile: its buffer and its cancellation are nobody's then.</returns>
    public bool TryEnd() => Interlocked.Exchange(ref _ended, 1) == 0;

    /// <summary>It takes too long, or nobody wants it any more. Its read may go on: the buffer is its own until it ends.</summary>
    public void GiveUp()
    {
        if (!TryEnd())
        {
            return;
        }

        Fetch.Complete(Ending.IsCancellationRequested ? "the address space has ended" : $"the source has not answered within {Patience.TotalSeconds:0.###} s");
        Volatile.Read(ref _cancellation)?.Cancel();
    }

    private bool Has(PageStateMap map, long page) => ReferenceEquals(Fetch.Slice.Map, map) && page >= Fetch.FirstPage && page < Fetch.FirstPage + Fetch.Pages;
}
