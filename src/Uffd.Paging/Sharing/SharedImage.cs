namespace Uffd.Paging;

/// <summary>
/// A source's content in a memfd, brought once and mapped into any number of processes: they share its pages, and what one of
/// them writes in a private mapping is its own (docs/adr/0007). Pages come when they are first needed, each is read once whoever
/// needs it, and pages of zeros take no memory.
/// </summary>
/// <remarks>
/// A process maps <see cref="Descriptor"/> with MAP_PRIVATE, registers that for missing <b>and</b> minor faults
/// (<see cref="UffdRegisterModes"/>), and hands its userfaultfd over; the region says that it shares this image
/// (<see cref="AddressSpaceRegion.OfShared"/>). Without minor faults it would be given pages that are not filled yet. Pages are of the
/// system's own size. Needs Linux 5.14 (MINOR_SHMEM). Disposing it takes effect when the last address space that uses it has ended.
/// </remarks>
public sealed class SharedImage : IDisposable
{
    private readonly ImageMemory _memory;
    private readonly PageStateMap _map;
    private readonly ImageReader _reader;
    private readonly SlowReads? _slow;
    private readonly SharedWaiters _waiters = new();
    private int _users = 1; // this object until it is disposed, address spaces, and reads under way
    private int _disposed;
    private long _filledPages;

    private SharedImage(IPageSource source, ImageMemory memory)
    {
        Source = source;
        _memory = memory;
        Length = memory.Range.Length;
        _map = new PageStateMap(Length / PageSize);
        _reader = new ImageReader(source, memory, _map, Settle);
        _slow = source.Concurrency > 0 ? new SlowReads(this) : null;
    }

    /// <summary>Where the content comes from. Not owned.</summary>
    public IPageSource Source { get; }

    /// <summary>Bytes: the source's length in whole pages.</summary>
    public ulong Length { get; }

    /// <summary>
    /// The memfd. Whoever gets a copy can read all that has been brought, and map it privately; sealed against writing, resizing and
    /// further seals.
    /// </summary>
    public SafeDescriptorHandle Descriptor => _memory.File;

    /// <summary>Bytes that were brought and take memory, once for all.</summary>
    public ulong FilledBytes => (ulong)Volatile.Read(ref _filledPages) * PageSize;

    /// <summary>The features that a process needs to map it.</summary>
    public static UffdFeatures RequiredFeatures => UffdFeatures.MinorShmem;

    internal static ulong PageSize => (ulong)Environment.SystemPageSize;

    /// <summary>Makes one. Nothing is read yet.</summary>
    /// <param name="source">The content; not owned, and must outlive it.</param>
    /// <param name="name">The memfd's name, as /proc/PID/maps shows it.</param>
    /// <exception cref="UffdException">
    /// A kernel without MINOR_SHMEM (<see cref="UffdException.IsUnavailable"/>), or no descriptor, memory or userfaultfd is to be had.
    /// </exception>
    public static SharedImage Create(IPageSource source, string name = "uffd-image")
    {
        ArgumentNullException.ThrowIfNull(source);
        Userfaultfd.Require(RequiredFeatures);
        return Over(source, ImageMemory.Create(name, source.Length));
    }

    /// <summary>Gives it up. Its memory is freed when nobody uses it any more, neither here nor in another process.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Release();
        }
    }

    internal static SharedImage Over(IPageSource source, ImageMemory memory)
    {
        try
        {
            return new SharedImage(source, memory);
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>Keeps its memory until <see cref="Release"/>.</summary>
    internal void AddUser()
    {
        int users = Volatile.Read(ref _users);
        while (true)
        {
            ObjectDisposedException.ThrowIf(users == 0, this);
            int before = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (before == users)
            {
                return;
            }

            users = before;
        }
    }

    internal void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            _reader.Dispose();
            _memory.Dispose();
            _map.Dispose();
        }
    }

    /// <summary>What is there already, from a page on; null when that page has not been brought.</summary>
    internal SharedAnswer? Find(long page, long count)
    {
        PageState state = _map[page];
        SharedStatus? status = state switch
        {
            PageState.Present => SharedStatus.Ready,
            PageState.Zeros => SharedStatus.Zeros,
            PageState.Poisoned => SharedStatus.Poisoned,
            _ => null,
        };
        return status is { } known ? new SharedAnswer(known, LengthOf(state, page, count)) : null;
    }

    /// <summary>How many pages from one on have not been brought; at least one is taken to be so.</summary>
    internal long CountMissing(long page, long count) => Math.Max(1, _map.FindSettled(page, Math.Min(_map.Pages, page + count)) - page);

    /// <summary>Whether all of a part is there, or known to be zeros: nobody is needed for it any more.</summary>
    internal bool IsWhole(long page, long count)
    {
        for (long at = page; at < page + count;)
        {
            if (Find(at, page + count - at) is not { Status: SharedStatus.Ready or SharedStatus.Zeros } there)
            {
                return false;
            }

            at += there.Pages;
        }

        return true;
    }

    /// <summary>
    /// Brings pages, or tells that somebody is bringing them. Reads on the calling thread where the source is quick; waits for no
    /// other thread.
    /// </summary>
    /// <param name="page">The first.</param>
    /// <param name="count">How many are wanted.</param>
    /// <param name="waiter">Who waits for the first page, and is told when it has come if the answer is that it is on its way; null for nobody.</param>
    /// <param name="patience">How long a source that is not quick may take.</param>
    /// <returns>What has become of some of them, from the first on.</returns>
    internal SharedAnswer Bring(long page, int count, SharedWaiter? waiter, TimeSpan patience)
    {
        while (true)
        {
            if (Find(page, count) is { } there)
            {
                return there;
            }

            if (_map[page] is not (PageState.Filling or PageState.FillingWanted))
            {
                if (TryStart(page, count, waiter, patience) is { } started)
                {
                    return started;
                }
            }
            else if (waiter is null)
            {
                return new SharedAnswer(SharedStatus.Busy, 1);
            }
            else if (_waiters.TryAdd(_map, page, waiter.Value))
            {
                _slow?.Promote(page);
                return new SharedAnswer(SharedStatus.Busy, 1);
            }
        }
    }

    /// <returns>What came of it, or null: look again.</returns>
    private SharedAnswer? TryStart(long page, int count, SharedWaiter? waiter, TimeSpan patience)
    {
        if (_slow is { IsFull: true } && waiter is null)
        {
            return new SharedAnswer(SharedStatus.Busy, 0);
        }

        int claimed = Claims.TryClaim(_map, page, Math.Min(_map.Pages, page + Math.Min(count, ImageReader.RunPages)));
        if (claimed == 0)
        {
            return null;
        }

        if (_slow is null)
        {
            return Fill(page, claimed, demanded: waiter is not null) is { } reason ? new SharedAnswer(SharedStatus.Failed, 1, reason) : null;
        }

        if (waiter is { } told)
        {
            _waiters.TryAdd(_map, page, told); // the claim is ours, so it succeeds, and the answer comes that way in any case
        }

        _slow.Start(page, claimed, waiter is null ? FillKind.Background : FillKind.Demand, patience);
        return new SharedAnswer(SharedStatus.Busy, claimed);
    }

    /// <summary>Fills claimed pages from a quick source and gives up the claims, whatever happens.</summary>
    /// <returns>Why the first page could not be had, or null.</returns>
    private string? Fill(long first, int count, bool demanded)
    {
        long page = first;
        string? failure = null;
        try
        {
            while (page < first + count && failure is null)
            {
                ImageStep step = _reader.Fill(page, (int)(first + count - page), demanded);
                page += step.Pages;
                failure = step.Failure;
            }
        }
        catch (Exception exception) // a source may be anyone's code
        {
            failure = exception.Message;
        }

        GiveUp(page, first + count, failure);
        return page == first ? failure : null;
    }

    /// <summary>Gives claims back: of the page that failed, and of those behind it, which nobody has tried.</summary>
    private void GiveUp(long page, long end, string? failure)
    {
        for (long rest = page; rest < end; rest++)
        {
            Settle(rest, PageState.Missing, rest == page ? failure : null);
        }
    }

    private void Settle(long page, PageState state, string? failure)
    {
        if (state == PageState.Present)
        {
            Interlocked.Increment(ref _filledPages);
        }

        if (_map.Exchange(page, state) == PageState.FillingWanted)
        {
            _waiters.Tell(page, failure);
        }
    }

    private int LengthOf(PageState state, long page, long count)
        => (int)(_map.FindOther(state, page, Math.Min(_map.Pages, page + Math.Min(count, int.MaxValue))) - page);

    /// <summary>Reads of a source that takes its time, through the queue that all its users have in common.</summary>
    private sealed class SlowReads(SharedImage image) : IFetchSink
    {
        private readonly SourceQueue _queue = SourceQueue.Of(image.Source);
        private int _ahead;

        /// <summary>Whether nothing should be asked for that nobody waits for.</summary>
        public bool IsFull => Volatile.Read(ref _ahead) >= _queue.AheadLimit;

        public void Promote(long page) => _queue.Promote(image._map, page);

        /// <summary>Asks for claimed pages; what is known without reading is settled at once. Does not throw.</summary>
        public void Start(long page, int count, FillKind kind, TimeSpan patience)
        {
            long end = page + count;
            string? failure = null;
            try
            {
                while (page < end && failure is null)
                {
                    if (image._reader.FindData(page, (int)(end - page)) is var data and > 0)
                    {
                        Ask(page, data, kind, patience);
                        page += data;
                        continue;
                    }

                    ImageStep step = image._reader.Fill(page, (int)(end - page), demanded: true);
                    page += step.Pages;
                    failure = step.Failure;
                }
            }
            catch (Exception exception) // a source may be anyone's code
            {
                failure = exception.Message;
            }

            image.GiveUp(page, end, failure);
        }

        /// <summary>Called on any thread.</summary>
        void IFetchSink.Completed(Fetch fetch)
        {
            if (fetch.Kind != FillKind.Demand)
            {
                Interlocked.Decrement(ref _ahead);
            }

            long page = fetch.FirstPage;
            long end = page + fetch.Pages;
            if (fetch.Error is null)
            {
                ImageStep step = image._reader.PutWithoutZeros(page, fetch.Pages, fetch.Address);
                image.GiveUp(page + step.Pages, end, step.Failure);
            }
            else if (fetch.Pages == 1)
            {
                image.GiveUp(page, end, fetch.Error);
            }
            else
            {
                for (; page < end; page++)
                {
                    Ask(page, 1, fetch.Kind, fetch.Patience); // find out which page it is
                }
            }

            _queue.Return(fetch);
            image.Release();
        }

        private void Ask(long page, int count, FillKind kind, TimeSpan patience)
        {
            image.AddUser(); // until it is completed
            if (kind != FillKind.Demand)
            {
                Interlocked.Increment(ref _ahead);
            }

            _queue.Submit(new Fetch(image._reader.Slice, page, count, kind, this) { Patience = patience }, patience, CancellationToken.None);
        }
    }
}
