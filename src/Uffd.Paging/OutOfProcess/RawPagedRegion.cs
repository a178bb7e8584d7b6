using System.Diagnostics.CodeAnalysis;

namespace Uffd.Paging;

/// <summary>
/// Memory of this process over a store, larger than may be in memory at once, to be touched by raw pointers and spans: for native libraries
/// and code that takes nothing else. Its pages are brought, saved and evicted by another process, which begins and ends with the region, so
/// that a collection here never waits for a handler that itself waits for the collection. For all other uses <see cref="PagedMemory"/> is quicker
/// and safer: see docs/pager-process.md.
/// </summary>
/// <remarks>
/// <para>A garbage collection waits until a thread that touches a missing page has it, as long as the store takes.</para>
/// <para>A page that cannot be read is SIGBUS to who touches it, which ends a .NET process; it is never zeros. The memory is not
/// inherited by fork(), must not be moved (mremap) or unmapped, and must not be the target of input that goes past the CPU: O_DIRECT reads,
/// io_uring's registered buffers, RDMA. Ordinary read(2) and write(2) are fine.</para>
/// <para>A region that is not disposed lives as long as its process.</para>
/// </remarks>
public sealed class RawPagedRegion : IDisposable, IAsyncDisposable
{
    private readonly RawRegionOptions _options;
    private readonly RawMapping _mapping;
    private readonly RawConnection _connection;
    private int _disposed;

    private RawPagedRegion(RawRegionOptions options, bool isReadOnly, long length, RawMapping mapping, RawConnection connection, int guardianProcessId)
    {
        _options = options;
        _mapping = mapping;
        _connection = connection;
        IsReadOnly = isReadOnly;
        Length = length;
        GuardianProcessId = guardianProcessId;
        connection.Start(this, (trouble, message) => Failed?.Invoke(this, new RawRegionFailedEventArgs(trouble, message)));
    }

    /// <summary>
    /// Something has gone wrong: told on a thread of the region's own, once for each lost page and each time saving begins to fail. The
    /// handler must not touch the region's memory, and must not throw.
    /// </summary>
    public event EventHandler<RawRegionFailedEventArgs>? Failed;

    /// <summary>Where the memory begins. It is valid until the region is disposed.</summary>
    /// <exception cref="ObjectDisposedException">It was.</exception>
    [SuppressMessage("Naming", "CA1720", Justification = "it is what this is for")]
    public nint Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
            return (nint)_mapping.Range.Start;
        }
    }

    /// <summary>The bytes of the store. The memory reaches to the end of the last page; what is written behind the length is dropped.</summary>
    public long Length { get; }

    /// <summary>Whether it is only read: a write ends the process (SIGSEGV).</summary>
    public bool IsReadOnly { get; }

    /// <summary>What is wrong at the moment, in one line: saving fails, or the pager process has gone. Null while all is well.</summary>
    public string? Failure => _connection.Failure;

    /// <summary>The id of the pager process.</summary>
    public int PagerProcessId => _connection.ProcessId;

    /// <summary>The id of the process that settles the memory should the pager process die; of the first one, where it had to be replaced.</summary>
    public int GuardianProcessId { get; }

    /// <summary>Starts a pager process that opens a store, and maps memory for it.</summary>
    /// <param name="store">The store.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="UffdException">
    /// The pager program is missing or does not start, it cannot open the store (its message says why), or this system does not allow
    /// userfaultfd for the kernel's faults.
    /// </exception>
    /// <exception cref="ArgumentException">The description or an option makes no sense.</exception>
    public static RawPagedRegion Start(StoreDescription store, RawRegionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        options ??= new RawRegionOptions();
        if (store.FindFault() is { } fault)
        {
            throw new ArgumentException(fault, nameof(store));
        }

        if (options.FindFault() is { } wrong)
        {
            throw new ArgumentException(wrong, nameof(options));
        }

        Userfaultfd.Require(RawMapping.Features);
        var connection = new RawConnection(PagerChild.Start(PagerProgram.Find(options.PagerPath), PagerVerbs.Serve, options.StartTimeout));
        RawMapping? mapping = null;
        try
        {
            ulong length = connection.Open(store, RawSettings.Of(options), options.StartTimeout);
            mapping = RawMapping.Create(length, store.IsReadOnly);
            int guardian = connection.Serve(mapping, options.StartTimeout);
            return new RawPagedRegion(options, store.IsReadOnly, (long)length, mapping, connection, guardian);
        }
        catch
        {
            connection.Abandon();
            mapping?.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A part of the memory. A touch of it may wait for the store, and a collection with it.
    /// </summary>
    /// <param name="offset">Where it begins, in bytes.</param>
    /// <param name="length">How many bytes.</param>
    public unsafe Span<byte> AsSpan(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
        return new Span<byte>((byte*)_mapping.Range.Start + offset, length); // checked to lie inside the mapping, which lives until we are disposed
    }

    /// <summary>A part of the memory, for code that takes <see cref="Memory{T}"/>.</summary>
    /// <param name="offset">Where it begins, in bytes.</param>
    /// <param name="length">How many bytes.</param>
    public Memory<byte> AsMemory(long offset, int length)
    {
        _ = AsSpan(offset, length);
        return new RawRegionMemory(this, offset, length).Memory;
    }

    /// <summary>Saves what was written before and makes it durable. Threads go on reading and writing meanwhile.</summary>
    /// <exception cref="IOException">The store failed, and what was written is kept in memory; or the pager process has gone.</exception>
    public void Flush() => FlushAsync().GetAwaiter().GetResult();

    /// <summary>Saves what was written before and makes it durable: when the task ends, it is. Threads go on reading and writing meanwhile.</summary>
    /// <param name="cancellation">Ends the waiting; the saving goes on.</param>
    /// <exception cref="IOException">The store failed, and what was written is kept in memory; or the pager process has gone.</exception>
    public async Task FlushAsync(CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        RawMessage answer = await _connection.AskAsync(new RawMessage { Kind = RawMessageKind.Flush }, cancellation).ConfigureAwait(false);
        if (answer.Text is { } error)
        {
            throw new IOException(error);
        }
    }

    /// <summary>What the pager process has counted.</summary>
    /// <exception cref="IOException">It has gone.</exception>
    public RawRegionStatistics GetStatistics()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        return _connection.AskAsync(new RawMessage { Kind = RawMessageKind.Count }, CancellationToken.None).GetAwaiter().GetResult().Statistics!;
    }

    /// <summary>
    /// Saves or drops what was written, as <see cref="RawRegionOptions.OnDispose"/> says, ends the pager process and unmaps the memory.
    /// Nobody may touch it any more when this is called.
    /// </summary>
    /// <exception cref="IOException">It was to be saved, and not all of it was: the message says why. All else is done.</exception>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>As <see cref="Dispose"/>, without holding up a thread.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        bool discard = _options.OnDispose == RegionDisposal.Discard || IsReadOnly;
        string? error = await _connection.EndAsync(discard, _options.EndTimeout).ConfigureAwait(false);
        _mapping.Dispose();
        if (error is not null && !discard)
        {
            throw new IOException($"what was written is lost in part: {error}");
        }
    }
}
