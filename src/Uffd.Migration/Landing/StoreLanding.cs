using System.Diagnostics.CodeAnalysis;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>
/// A landing in a page store, for a <see cref="PagedRegion"/> at the destination: over <see cref="Store"/>, which has all pages from the switch on. A page that is not here yet is
/// fetched when it is read, ahead of the others, which follow on their own. A page that is lost fails to be read, until it is written whole; it is never zeros.
/// </summary>
/// <remarks>
/// The region may be made before the switch, but nothing of it may be read or written until then. Pages of 4096 bytes alone can be landed so.
/// </remarks>
public sealed class StoreLanding : IMigrationLanding
{
    private const int BlockBytes = 1 << 20;

    private static readonly byte[] Zeros = new byte[BlockBytes];

    private readonly IPageStore _store;
    private readonly StoreLandingOptions _options;
    private readonly StoreLandingPages _pages;
    private readonly StoreLandingKeeper _keeper;
    private readonly StoreLandingStore _view;
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private StoreLandingFetcher? _fetcher;
    private bool _isDisposed;
    private bool _isClosed;

    /// <summary>Prepares it.</summary>
    /// <param name="region">What lands here.</param>
    /// <param name="store">Where the pages go: as long as the region, and all zeros.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="IOException">The store is of another length, or has something in it, or cannot be read. It is left as it is.</exception>
    /// <exception cref="PlatformNotSupportedException">This system's pages are larger than 4096 bytes.</exception>
    public StoreLanding(MigrationRegion region, IPageStore store, StoreLandingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(region);
        ArgumentNullException.ThrowIfNull(store);
        _options = options ?? new StoreLandingOptions();
        StoreLandingOptions.Validate(_options);
        if (Environment.SystemPageSize != WirePage.Bytes)
        {
            throw new PlatformNotSupportedException($"a page store lands pages of {WirePage.Bytes} bytes, and this system's have {Environment.SystemPageSize}");
        }

        if ((store.Length + WirePage.Bytes - 1) / WirePage.Bytes * WirePage.Bytes != region.Length)
        {
            throw new IOException($"region {region.Index} ({region.Name}) has {region.Length} bytes, and the page store that it should go to {store.Length}");
        }

        _store = store;
        RequireEmpty();
        _pages = new StoreLandingPages(region.Length);
        _keeper = new StoreLandingKeeper(store, _pages);
        _view = new StoreLandingStore(store, _pages, _keeper, Close);
    }

    /// <summary>
    /// The pages, for who has them from the switch on. It outlives the landing: what is here stays here. Disposing it ends the fetching of the rest, and
    /// disposes the store where that is <see cref="StoreLandingOptions.OwnsStore">owned</see>.
    /// </summary>
    public IPageStore Store => _view;

    /// <inheritdoc/>
    public Task Completed => _completed.Task;

    /// <summary>What it has done since the switch.</summary>
    public StoreLandingStatistics GetStatistics() => new()
    {
        Faults = _view.Faults,
        MissingBytes = (ulong)_pages.MissingPages << WirePage.Shift,
        LostBytes = (ulong)_pages.LostPages << WirePage.Shift,
        FetchedBytes = (ulong)_pages.FetchedPages << WirePage.Shift,
        KeepFailures = _keeper.Failures,
    };

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> pages)
    {
        try
        {
            _store.Write(offset, pages);
        }
        catch (Exception exception) when (exception is not IOException)
        {
            throw new IOException($"the page store failed: {exception.Message}", exception); // a store is anyone's code
        }
    }

    /// <inheritdoc/>
    public void Clear(ulong offset, ulong length)
    {
        for (ulong end = offset + length; offset < end;)
        {
            SourceRun run = offset < _store.Length ? _store.GetRun(offset, end - offset) : new SourceRun(end - offset, SourceRunKind.Zero);
            ulong bytes = Math.Min(Math.Max(run.Length / WirePage.Bytes * WirePage.Bytes, WirePage.Bytes), end - offset);
            if (run.Kind is SourceRunKind.Data or SourceRunKind.Poisoned || run.Length < bytes)
            {
                bytes = Math.Min(bytes, BlockBytes);
                Write(offset, Zeros.AsSpan(0, (int)bytes));
            }

            offset += bytes;
        }
    }

    /// <inheritdoc/>
    [SuppressMessage("Reliability", "CA2000", Justification = "what is made is kept, and disposed with this")]
    public void Switch(IMigratedPages pages)
    {
        ArgumentNullException.ThrowIfNull(pages);
        lock (_gate)
        {
            if (_isDisposed || _isClosed)
            {
                throw new IOException("the landing was disposed");
            }

            _view.Switch(pages);
            _pages.Switch(pages);
            _fetcher = new StoreLandingFetcher(pages, _pages, _keeper, _options);
            _ = FollowAsync(_fetcher.Completed);
            _fetcher.Start();
        }
    }

    /// <summary>
    /// Ends the fetching: what is missing fails to be read, and <see cref="Completed"/> fails. What is here stays for <see cref="Store"/>; without a switch nothing is, and the store is
    /// disposed where it is owned.
    /// </summary>
    public void Dispose()
    {
        bool isUnused;
        lock (_gate)
        {
            isUnused = _fetcher is null && !_isDisposed && !_isClosed;
            _isDisposed = true;
        }

        End("the migration was ended before the page had come");
        if (isUnused)
        {
            Close();
        }
    }

    private void End(string reason)
    {
        _pages.End(new IOException(reason));
        if (_fetcher is null)
        {
            _completed.TrySetException(new IOException(reason));
            _ = _completed.Task.Exception; // who does not look at it need not
        }

        _fetcher?.Dispose();
    }

    /// <summary>The view was disposed, or nobody will ever use it.</summary>
    private void Close()
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
        }

        End("the page store was disposed");
        for (Task closing = _pages.Close(); !closing.IsCompletedSuccessfully; closing = _pages.Close())
        {
            closing.GetAwaiter().GetResult(); // a write of what came, which is short
        }

        if (_options.OwnsStore)
        {
            _store.Dispose();
        }
    }

    private async Task FollowAsync(Task fetching)
    {
        await fetching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (fetching.Exception is { } exception)
        {
            _completed.TrySetException(exception.InnerExceptions);
            _ = _completed.Task.Exception;
        }
        else
        {
            _completed.TrySetResult();
        }
    }

    /// <summary>What nobody sends would be there although it should be zeros.</summary>
    private void RequireEmpty()
    {
        byte[]? block = null;
        for (ulong offset = 0; offset < _store.Length;)
        {
            SourceRun run = _store.GetRun(offset, _store.Length - offset);
            ulong bytes = Math.Min(run.Length, _store.Length - offset);
            if (run.Kind is SourceRunKind.Data or SourceRunKind.Poisoned)
            {
                block ??= new byte[BlockBytes];
                bytes = Math.Min(bytes, BlockBytes);
                Span<byte> found = block.AsSpan(0, (int)bytes);
                _store.Read(offset, found);
                if (found.ContainsAnyExcept((byte)0))
                {
                    throw new IOException("the page store that memory should move to is not empty");
                }
            }

            offset += bytes;
        }
    }
}
