using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging;

/// <summary>
/// Memory of this process over an <see cref="IPageStore"/>, larger than RAM if it must be: pages come when they are touched, cold ones go
/// when the limit is near, written ones are saved before they go. Code touches it through <see cref="Memory"/>, which never waits for a
/// page inside a memory access: no use of it can hang on a garbage collection, and no collection waits for the store. Needs Linux 6.7.
/// </summary>
/// <remarks>
/// For code that needs raw pointers that may fault (native libraries), the faults are another process's work: docs/own-memory.md says when
/// to take which. All members may be called from several threads at once.
/// </remarks>
public sealed class PagedRegion : IDisposable, IAsyncDisposable
{
    private const int MaxRunPages = 512; // 2 MiB: a huge page holds them
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);

    private readonly IPageStore _store;
    private readonly PagedRegionOptions _options;
    private readonly RegionMemory _memory;
    private readonly RegionGate _gate = new();
    private readonly RegionCounters _counters = new();
    private readonly FetchBuffers _buffers;
    private readonly WriteBack _writeBack;
    private readonly Room _room;
    private readonly AheadWorkers _ahead;
    private int _isOver;
    private int _isUnmapped;

    [SuppressMessage("Reliability", "CA2000", Justification = "what is made is kept, and disposed with this")]
    private PagedRegion(IPageStore store, PagedRegionOptions options, WritePermit permit)
    {
        _store = store;
        _options = options;
        Permit = permit;
        ulong pageSize = (ulong)Environment.SystemPageSize;
        PagedRegionOptions.Validate(options, pageSize);
        ulong pageCount = (store.Length + pageSize - 1) / pageSize;
        ArgumentOutOfRangeException.ThrowIfZero(store.Length, nameof(store));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pageCount, uint.MaxValue, nameof(store)); // 16 TiB
        Length = (long)store.Length;
        Pages = new PageTable((long)pageCount);
        _memory = new RegionMemory(pageCount * pageSize);
        var waiters = new PageWaiters(Pages);
        int maxRun = (int)Math.Min(MaxRunPages, options.MemoryLimit / pageSize / 4);
        _buffers = new FetchBuffers((int)pageSize, maxRun * (int)pageSize);
        var evictor = new PageEvictor(Pages, _memory, waiters, Leases, _counters);
        var saver = new PageSaver(Pages, _memory, waiters, Leases, _counters, new StoreWrites(store, options.Retries, FirstPause));
        _writeBack = new WriteBack(Pages, _memory, evictor, saver, _counters, store, permit);
        _room = new Room(evictor, _writeBack, _counters, Leases, pageSize, options);
        var streams = new AheadStreams((int)Math.Min(Math.Min(options.ReadAheadBytes, options.MemoryLimit / 8) / pageSize, int.MaxValue), (long)pageCount);
        Loader = new PageLoader(Pages, _memory, waiters, evictor, new PageReader(store, _buffers, pageSize, options.Retries, FirstPause), _room, streams, _counters, _gate, maxRun);
        _ahead = new AheadWorkers(Loader, _gate, maxRun);
        Memory = new PagedMemory(this, 0, Length);
        RegionMeter.Add(_counters);
    }

    /// <summary>Bytes of the region: those of its store.</summary>
    public long Length { get; }

    /// <summary>How code touches it: all of it. <see cref="PagedMemory.Slice(long, long)"/> gives parts.</summary>
    public PagedMemory Memory { get; }

    /// <summary>
    /// The most bytes that may be in memory. Setting a lower limit has pages go at once, as far as they can; what leases hold stays.
    /// </summary>
    public ulong MemoryLimit
    {
        get => (ulong)_room.Limit * PageSize;
        set
        {
            PagedRegionOptions.Validate(_options with { MemoryLimit = value }, PageSize);
            _gate.Enter();
            try
            {
                _room.Limit = (long)(value / PageSize);
            }
            finally
            {
                _gate.Leave();
            }
        }
    }

    /// <summary>Whether writes are refused: it was opened to be read, or its store failed. <see cref="ReadOnlyReason"/> says which.</summary>
    public bool IsReadOnly => Permit.Refusal is not null;

    /// <summary>Why writes are refused, or null.</summary>
    public RegionReadOnlyException? ReadOnlyReason => Permit.Refusal;

    internal PageTable Pages { get; }

    internal LeaseTable Leases { get; } = new();

    internal PageLoader Loader { get; }

    internal WritePermit Permit { get; }

    internal ulong Address => _memory.Range.Start;

    internal ulong PageSize => _memory.PageSize;

    /// <summary>Makes a region over a store. Nothing is read yet.</summary>
    /// <param name="store">The pages. Its length is the region's, up to 16 TiB.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="UffdException">This kernel or this user cannot have it: the message says what is missing. Needs Linux 6.7.</exception>
    /// <exception cref="ArgumentException">An option or the length of the store is out of bounds.</exception>
    public static PagedRegion Create(IPageStore store, PagedRegionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        return new PagedRegion(store, options ?? new PagedRegionOptions(), new WritePermit(always: null));
    }

    /// <summary>Makes a region that is only read, over a source: a file, an image, another machine's memory. Pages that must go are dropped.</summary>
    /// <param name="source">The pages.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="UffdException">As of <see cref="Create"/>.</exception>
    public static PagedRegion OpenReadOnly(IPageSource source, PagedRegionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new PagedRegion(
            new ReadOnlyStore(source),
            options ?? new PagedRegionOptions(),
            new WritePermit(new RegionReadOnlyException("the region was opened to be read only")));
    }

    /// <summary>
    /// Saves every byte that was written before the call and has the store make it durable. Accesses go on meanwhile; a page that is written
    /// during the call may be saved as it was at some moment of it. A page that a lease may write is saved as it is.
    /// </summary>
    /// <exception cref="IOException">
    /// The store failed. What could not be saved is still in memory, and the region takes no writes until a flush has succeeded. What an
    /// earlier flush acknowledged is in the store.
    /// </exception>
    public void Flush()
    {
        _gate.Enter();
        try
        {
            _writeBack.Flush();
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>The same, on a thread of its own.</summary>
    /// <param name="cancellation">Stops waiting; the flush goes on.</param>
    /// <exception cref="IOException">As of <see cref="Flush"/>.</exception>
    public Task FlushAsync(CancellationToken cancellation = default)
        => Task.Factory.StartNew(Flush, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(cancellation);

    /// <summary>Has pages brought soon, as far as there is room, without waiting for them.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">How many bytes.</param>
    public void Prefetch(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
        long end = (offset + length + (long)PageSize - 1) / (long)PageSize;
        _gate.Enter();
        try
        {
            for (long page = offset / (long)PageSize; page < end; page += MaxRunPages)
            {
                _ahead.Ask(new AheadRun(page, (int)Math.Min(MaxRunPages, end - page)));
            }
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>What it has done, and what is in memory now.</summary>
    public PagedRegionStatistics GetStatistics()
    {
        _gate.Enter();
        try
        {
            return new PagedRegionStatistics
            {
                ResidentBytes = (ulong)_counters.Resident * PageSize,
                DirtyBytes = _writeBack.CountWrittenBytes(),
                MemoryLimit = MemoryLimit,
                Leases = Leases.Held,
                Misses = _counters.Misses,
                ReadBytes = (ulong)_counters.Filled * PageSize,
                AheadBytes = (ulong)_counters.Ahead * PageSize,
                EvictedBytes = (ulong)_counters.Evicted * PageSize,
                WrittenBytes = (ulong)_counters.Saved * PageSize,
                Writes = _counters.Saves,
                WriteFailures = _counters.SaveFailures,
                Stalls = _counters.Stalls,
            };
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>
    /// Ends it: waits for the operations under way, saves what was written if that is asked for, and unmaps the memory, that of leases
    /// that are still held when the last of them is disposed. Later accesses throw <see cref="ObjectDisposedException"/>.
    /// </summary>
    /// <exception cref="IOException">
    /// What was written could not be saved, and is lost now. To be able to mend that, call <see cref="Flush"/> before.
    /// </exception>
    public void Dispose()
    {
        if (!_gate.Close())
        {
            return;
        }

        try
        {
            _gate.Drain();
            _ahead.Dispose();
            _room.Dispose();
            StopAccesses(); // before what was written is looked for: who writes from now on is told that it is not
            if (_options.OnDispose == RegionDisposal.Flush && !Permit.IsNever)
            {
                _writeBack.FlushLast();
            }
        }
        finally
        {
            StopAccesses(); // in vain, unless something failed before
            RegionMeter.Remove(_counters);
            _writeBack.Dispose();
            _buffers.Dispose();
            Interlocked.Exchange(ref _isOver, 1); // from here on the last lease unmaps
            UnmapIfUnused();
            if (_options.OwnsStore)
            {
                _store.Dispose();
            }
        }
    }

    /// <summary>The same, on a thread of its own.</summary>
    public async ValueTask DisposeAsync()
        => await Task.Factory.StartNew(Dispose, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);

    /// <summary>Makes pages ready: the way of every access that is not a hit.</summary>
    internal void MakeReady(long first, long end, bool write)
    {
        _gate.Enter();
        try
        {
            Loader.MakeReady(first, end, write);
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>Puts whole pages that are absent in with new content; tells how many.</summary>
    internal int Put(long first, int count, ulong sourceAddress)
    {
        _gate.Enter();
        try
        {
            return Loader.Put(first, count, sourceAddress);
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>The same as <see cref="MakeReady"/> without holding up a thread.</summary>
    internal async ValueTask MakeReadyAsync(long first, long end, bool write, CancellationToken cancellation)
    {
        _gate.Enter();
        try
        {
            await Loader.MakeReadyAsync(first, end, write, cancellation).ConfigureAwait(false);
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>Gives a lease back.</summary>
    internal void Release(int lease, int version)
    {
        if (Leases.Release(lease, version) && Volatile.Read(ref _isOver) != 0)
        {
            UnmapIfUnused();
        }
    }

    /// <summary>No access finds a page any more; those under way are over when this returns.</summary>
    private void StopAccesses()
    {
        Pages.Clear();
        var touching = new List<AddressRange>();
        do
        {
            touching.Clear();
            Interlocked.MemoryBarrierProcessWide();
            ThreadSlots.Collect(_memory.Range, touching);
        }
        while (touching.Count > 0);
    }

    private void UnmapIfUnused()
    {
        if (Leases.Held == 0 && Interlocked.Exchange(ref _isUnmapped, 1) == 0)
        {
            _memory.Dispose();
        }
    }
}
