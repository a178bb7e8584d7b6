using System.Collections.Concurrent;

namespace Uffd.Paging;

/// <summary>
/// The memory of one process that a <see cref="Pager"/> serves: one userfaultfd and its regions. Served by a thread of its own,
/// so that a slow source holds up nobody else, and by a second one while the background fill runs.
/// </summary>
public sealed class AddressSpace : IDisposable
{
    private const UffdFeatures EventFeatures =
        UffdFeatures.EventFork | UffdFeatures.EventRemap | UffdFeatures.EventRemove | UffdFeatures.EventUnmap;

    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Userfaultfds that must not close although nobody serves them: without this a finalizer would do it.</summary>
    private static readonly ConcurrentBag<Userfaultfd> Frozen = [];

    private readonly TaskCompletionSource _resident = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<AddressSpaceEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SharedImage[] _images;
    private readonly Lock _ending = new();   // held while the end is made, so that it is made once, with the map in place
    private readonly FaultLoop _loop;
    private readonly Action<PagerNotice>? _notice;
    private volatile RegionTable _table;
    private readonly SpaceFills _fills;
    private int _mapUsers = 1; // the fault loop, and the fills while they run
    private readonly CancellationTokenSource _endingSource = new();
    private long _lastFault = -1;
    private long _pending;
    private long _stopRequested;

    internal AddressSpace(
        Pager pager,
        int id,
        Userfaultfd userfaultfd,
        RegionTable table,
        AddressSpaceOptions options,
        Action<PagerNotice>? notice,
        AddressSpace? parent)
    {
        Pager = pager;
        Id = id;
        Userfaultfd = userfaultfd;
        Options = options;
        Parent = parent;
        _notice = notice;
        _table = table;
        TotalPages = table.Slices.Sum(slice => slice.EndPage - slice.FirstPage);
        TotalBytes = table.Slices.Aggregate(0UL, (sum, slice) => sum + slice.Range.Length);
        _pending = table.Slices.Sum(slice => table.Map.CountUnsettled(slice.FirstPage, slice.EndPage)); // of a child: less than all
        Counters.ResidentBytes = parent is null ? (TotalPages == _pending ? 0 : table.Slices.Sum(AlreadyThere)) : table.SharedImages.Any() ? 0 : Volatile.Read(ref parent.Counters.ResidentBytes); // a child does not inherit what is mapped of a file

        // Without events nothing can change under a fill, and the gate would only cost.
        Gate = (userfaultfd.Features & EventFeatures) != 0 ? new EventGate() : null;
        _loop = new FaultLoop(this);
        _fills = new SpaceFills(this);
        _images = [.. table.SharedImages];
        Array.ForEach(_images, image => image.AddUser());
    }

    /// <summary>A number, unique within the pager.</summary>
    public int Id { get; }

    /// <summary>The space this one was forked from, or null.</summary>
    public AddressSpace? Parent { get; }

    /// <summary>How it is served.</summary>
    public AddressSpaceOptions Options { get; }

    /// <summary>Bytes of the regions as handed over.</summary>
    public ulong TotalBytes { get; }

    /// <summary>Completes when no page of the regions is still to come: all are there, discarded, unmapped or poisoned.</summary>
    public Task Resident => _resident.Task;

    /// <summary>Completes when it is served no longer, and why.</summary>
    public Task<AddressSpaceEnd> Ended => _ended.Task;

    internal Pager Pager { get; }

    internal Userfaultfd Userfaultfd { get; }

    internal RegionTable Table => _table;

    /// <summary>Held while events are read and applied, and while the background fill installs. Null when there are no events.</summary>
    internal EventGate? Gate { get; }

    internal SpaceCounters Counters { get; } = new();

    /// <summary>Faulted pages that the background fill had claimed and could not fill: served anew by the fault loop.</summary>
    internal ConcurrentQueue<PageKey> Inbox { get; } = new();

    /// <summary>Pages that a fault waits for and that somebody else was bringing to their shared image: they have come, or have not.</summary>
    internal ConcurrentQueue<SharedNews> SharedNews { get; } = new();

    /// <summary>Whether any of its memory maps a shared image.</summary>
    internal bool Shares => _images.Length > 0;

    internal long TotalPages { get; }

    /// <summary>The page that a fault was served for last, or -1: where the background fill goes on from.</summary>
    internal long LastFault
    {
        get => Volatile.Read(ref _lastFault);
        set => Volatile.Write(ref _lastFault, value);
    }

    /// <summary>Whether the background fill brings everything, as fast as it can: then nothing brought ahead is in vain.</summary>
    internal bool BringsAll { get; set; }

    /// <summary>Cancelled when the end has been made: reads that are on their way are wanted no longer.</summary>
    internal CancellationToken Ending => _endingSource.Token;

    internal long PendingPages => Volatile.Read(ref _pending);

    /// <summary>The counts so far.</summary>
    public AddressSpaceStatistics GetStatistics() => Counters.Snapshot(PendingPages, TotalPages, (long)TotalBytes);

    /// <summary>Starts the background fill if it is not running; behind the working set, where one is being replayed.</summary>
    /// <exception cref="OutOfMemoryException">There is no memory for its thread.</exception>
    public void StartBackgroundFill() => _fills.StartAll();

    /// <summary>
    /// Stops serving. What is missing is settled by the failure policy first (poisoned, or the process killed), because closing
    /// a userfaultfd would turn it into zeros. Waits until that is done, at most ten seconds for a source that blocks. A source
    /// that blocks for longer still has a thread inside it afterwards, so it must not be disposed before it has answered.
    /// </summary>
    public void Dispose()
    {
        RequestStop();
        TimeSpan left = StopTimeout - System.Diagnostics.Stopwatch.GetElapsedTime(Volatile.Read(ref _stopRequested));
        if (_ended.Task.IsCompleted || _loop.Join(left > TimeSpan.Zero ? left : TimeSpan.Zero))
        {
            return;
        }

        // Its thread is inside a source that does not answer. The end can be made from here all the same.
        End(AddressSpaceEnd.Stopped);
    }

    /// <summary>Asks all to stop and waits for nobody.</summary>
    internal void RequestStop()
    {
        Interlocked.CompareExchange(ref _stopRequested, System.Diagnostics.Stopwatch.GetTimestamp(), 0);
        StopBackgroundFill(TimeSpan.Zero);
        _loop.Stop();
    }

    internal void Start()
    {
        if (PendingPages == 0)
        {
            _resident.TrySetResult();
        }

        if (Parent is null && Options.Replay is { } workingSet)
        {
            _fills.PrepareReplay(workingSet.Runs, Options.ReplayHold);
        }

        _loop.Start();
        Try(_fills.StartReplay);
        if (Options.BackgroundFill)
        {
            TryStartBackgroundFill();
        }
    }

    /// <summary>As <see cref="StartBackgroundFill"/>, for whom it is not worth failing.</summary>
    internal void TryStartBackgroundFill() => Try(StartBackgroundFill);

    private static long AlreadyThere(RegionSlice slice)
        => (slice.EndPage - slice.FirstPage - slice.Map.CountUnsettled(slice.FirstPage, slice.EndPage)) << slice.PageShift;

    private void Try(Action startsFill)
    {
        try
        {
            startsFill();
        }
        catch (OutOfMemoryException exception)
        {
            Notify(PagerNoticeKind.SourceFailed, $"there is no background fill: {exception.Message}; faults are served");
        }
    }

    /// <summary>Keeps a userfaultfd that nobody serves open for as long as this process lives: who waits reads nothing wrong.</summary>
    internal static void Freeze(Userfaultfd userfaultfd) => Frozen.Add(userfaultfd);

    internal void ReplaceTable(RegionTable table) => _table = table;

    /// <summary>The slice that holds a page now: <paramref name="slice"/> itself unless the process has moved or unmapped it.</summary>
    internal RegionSlice? Locate(RegionSlice slice, long page)
    {
        RegionTable table = _table;
        return ReferenceEquals(table.Find(slice.AddressOf(page)), slice) ? slice : table.FindPage(page);
    }

    /// <summary>Tells that so many pages more are no longer to come.</summary>
    internal void Settled(long pages)
    {
        if (Interlocked.Add(ref _pending, -pages) == 0)
        {
            _resident.TrySetResult();
        }
    }

    /// <summary>Tells that a page that was settled is to come after all.</summary>
    internal void Unsettled() => Interlocked.Increment(ref _pending);

    internal void Notify(PagerNoticeKind kind, string message)
    {
        try
        {
            _notice?.Invoke(new PagerNotice(this, kind, message));
        }
        catch (Exception)
        {
            // A listener's failure is not told to itself, and must not become the failure of the process that is served.
        }
    }

    internal void WakeLoop() => _loop.Wake();

    /// <summary>The background fill found the process gone: the fault loop, which owns the end, looks for itself.</summary>
    internal void ReportGone() => _loop.ReportGone();

    /// <summary>Ends the fills for good and waits for them.</summary>
    internal void StopBackgroundFill(TimeSpan timeout) => _fills.Stop(timeout);

    /// <summary>Called for each thread that is to use the map.</summary>
    internal void UseMap() => Interlocked.Increment(ref _mapUsers);

    /// <summary>Whether a stop was asked for.</summary>
    internal bool IsStopping => Volatile.Read(ref _stopRequested) != 0;

    /// <summary>Whether none of its threads uses the map any more, also one that a source held up beyond the end.</summary>
    internal bool ThreadsHaveEnded => Volatile.Read(ref _mapUsers) == 0;

    /// <summary>Whether the end has been made: what still runs has nothing left to serve.</summary>
    internal bool HasEnded => _ended.Task.IsCompleted;

    /// <summary>
    /// Makes the end, once: settles all that is missing by the failure policy and closes the userfaultfd. Called by the fault
    /// loop, or for it when it is inside a source that does not answer. What is neither poisoned nor killed keeps its userfaultfd
    /// open: its threads wait, and read nothing wrong.
    /// </summary>
    internal void End(AddressSpaceEnd end)
    {
        lock (_ending)
        {
            if (HasEnded)
            {
                return;
            }

            if (end == AddressSpaceEnd.TargetExited || TrySettleMissing())
            {
                Userfaultfd.Dispose();
            }
            else
            {
                Freeze(Userfaultfd);
            }

            _endingSource.Cancel();
            Pager.Forget(this);
            Options.TargetProcess?.Dispose();
            _ended.TrySetResult(end);
        }
    }

    /// <summary>Called by each thread that uses the map, last.</summary>
    internal void ReleaseMap()
    {
        if (Interlocked.Decrement(ref _mapUsers) == 0)
        {
            _table.Map.Dispose(); // every table of this space has the same
            Array.ForEach(_images, image => image.Release());
        }
    }

    /// <summary>Reads and applies events for whoever settles the space; lets faults go.</summary>
    internal void DrainEvents(UffdEventReader reader) => _loop.DrainEvents(reader);

    /// <returns>False when some of it could be neither poisoned nor killed: then the userfaultfd must not be closed.</returns>
    private bool TrySettleMissing()
    {
        try
        {
            using var reader = new UffdEventReader(Userfaultfd);
            return new MissingPages(this, () => DrainEvents(reader)).Settle();
        }
        catch (Exception exception)
        {
            Notify(PagerNoticeKind.FaultFrozen, $"missing pages could not be settled: {exception.Message}; threads that touch them wait until this process ends");
            return false;
        }
    }
}

/// <summary>A page, wherever it is now.</summary>
internal readonly record struct PageKey(PageStateMap Map, long Page);
