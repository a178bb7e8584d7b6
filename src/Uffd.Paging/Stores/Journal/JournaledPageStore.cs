namespace Uffd.Paging;

/// <summary>
/// A store whose content on the disk is always that of some <see cref="Flush"/>, whole, whenever the process or the machine ends: what is
/// written goes to a journal, and from there to the store underneath when it is flushed. Opening it again replays a flush that was under way.
/// </summary>
/// <remarks>
/// The store underneath is used by nobody else, and opened only through its journal. What was written since the last flush is dropped when this
/// ends, however it ends. Reads go on while it is flushed, writes wait. See docs/journal.md.
/// </remarks>
public sealed class JournaledPageStore : IPageStore
{
    private const int PageBytes = PageEntry.PageBytes;
    private const ulong LeastBytes = 64 << 10;

    // As many pages as a question is answered for without taking long.
    private const ulong MostPagesOfARun = 1 << 12;

    private readonly IPageStore _inner;
    private readonly bool _ownsInner;
    private readonly Journal _journal;
    private readonly FlushTurn _turn = new();
    private volatile bool _disposed;

    /// <summary>Opens a store through its journal, which is made if it is not there. A flush that was under way when it ended is brought to its end.</summary>
    /// <param name="inner">The store underneath. It must make durable what it is told to (<see cref="IPageStore.Flush"/>).</param>
    /// <param name="journalPath">The journal's file, best on the same disk. One that is made has the permissions 0600.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="ownsInner">Whether disposing this disposes that.</param>
    /// <exception cref="InvalidDataException">The file is no journal, damaged, or of another store: says which. Nothing was changed.</exception>
    /// <exception cref="IOException">Another store has the journal open, or it cannot be opened, made or replayed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The store underneath is empty, or the journal may have less than 64 KiB.</exception>
    public JournaledPageStore(IPageStore inner, string journalPath, JournalOptions? options = null, bool ownsInner = true)
        : this(inner, Open(inner, journalPath, options), options, ownsInner)
    {
    }

    /// <summary>The same with a file of any kind, which is owned when this returns, and disposed when it throws.</summary>
    internal JournaledPageStore(IPageStore inner, IJournalFile file, JournalOptions? options, bool ownsInner = true)
    {
        options ??= new JournalOptions();
        _inner = inner;
        _ownsInner = ownsInner;
        try
        {
            _journal = new Journal(file, inner, options);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ulong Length => _inner.Length;

    /// <inheritdoc/>
    public int Concurrency => _inner.Concurrency;

    /// <summary>How many pages of 4 KiB were written since the last flush.</summary>
    public int PendingPages => _journal.Index.Count;

    /// <inheritdoc/>
    public SourceRun GetRun(ulong offset, ulong length)
    {
        if (offset >= Length)
        {
            return new SourceRun(length, SourceRunKind.Zero);
        }

        ulong within = offset % PageBytes;
        ulong wanted = Math.Min(length, Length - offset);
        ulong pages = Math.Min(((within + wanted - 1) / PageBytes) + 1, MostPagesOfARun);
        ulong alike = _journal.Index.CountAlike(offset / PageBytes, pages, out bool inside);
        ulong run = Math.Min(wanted, (alike * PageBytes) - within);
        return inside ? new SourceRun(run, SourceRunKind.Data) : _inner.GetRun(offset, run);
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The store or the journal cannot give the bytes, or the journal's are damaged.</exception>
    public void Read(ulong offset, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        while (destination.Length > 0)
        {
            int part = NextPart(offset, destination.Length, out bool inside);
            if (!inside || !TryReadJournal(offset, destination[..part]))
            {
                _inner.Read(offset, destination[..part]);
            }

            offset += (ulong)part;
            destination = destination[part..];
        }
    }

    /// <inheritdoc/>
    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        while (destination.Length > 0)
        {
            // The journal was written a moment ago: the system has it in its cache, and it is read here and now.
            int part = NextPart(offset, destination.Length, out bool inside);
            if (!inside || !TryReadJournal(offset, destination.Span[..part]))
            {
                await _inner.ReadAnyAsync(offset, destination[..part], cancellation).ConfigureAwait(false);
            }

            offset += (ulong)part;
            destination = destination[part..];
        }
    }

    /// <summary>Writes bytes to the journal. Waits while it is flushed.</summary>
    /// <param name="offset">Where in the store: a multiple of the page's size.</param>
    /// <param name="source">Whole pages.</param>
    /// <exception cref="IOException">
    /// The journal is full (<see cref="JournalOptions.MaxBytes"/>, or its disk), or cannot be written. Each page is as it was or as it should be.
    /// </exception>
    /// <exception cref="ArgumentException">The bytes are no whole pages of the store.</exception>
    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        int available = this.RequirePages(offset, source.Length);
        int pages = (available / PageBytes) + (available % PageBytes == 0 ? 0 : 1); // where the system's pages are larger, the last may have none of some
        _turn.EnterWrite();
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _journal.Append(offset / PageBytes, source[..(pages * PageBytes)]);
        }
        finally
        {
            _turn.ExitWrite();
        }
    }

    /// <summary>
    /// Brings all that was written to the store, whole: should it end in between, at any instant, then opening it again either finishes that
    /// or finds what the flush before had left.
    /// </summary>
    /// <exception cref="IOException">It failed. What was written is still in the journal and is read from there; the next flush tries again.</exception>
    public void Flush()
    {
        _turn.EnterFlush();
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _journal.Flush();
        }
        finally
        {
            _turn.ExitFlush();
        }
    }

    /// <summary>Closes the journal. What was written since the last flush is dropped.</summary>
    public void Dispose()
    {
        _turn.EnterFlush();
        try
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _journal.Dispose();
        }
        finally
        {
            _turn.ExitFlush();
        }

        if (_ownsInner)
        {
            _inner.Dispose();
        }
    }

    private static JournalFile Open(IPageStore inner, string journalPath, JournalOptions? options)
    {
        ArgumentNullException.ThrowIfNull(inner);
        ArgumentException.ThrowIfNullOrEmpty(journalPath);
        ArgumentOutOfRangeException.ThrowIfZero(inner.Length, nameof(inner));
        ArgumentOutOfRangeException.ThrowIfLessThan(options?.MaxBytes ?? LeastBytes, LeastBytes, nameof(options));
        return JournalFile.OpenOrCreate(journalPath, file => JournalHeaders.Format(file, inner.Length, options?.StoreIdentity ?? default));
    }

    /// <summary>How many bytes are read in one piece: of one page of the journal, or of as many as are not there.</summary>
    private int NextPart(ulong offset, int length, out bool inside)
    {
        ulong within = offset % PageBytes;
        if (offset >= Length)
        {
            inside = false;
            return length;
        }

        ulong pages = ((within + (ulong)length - 1) / PageBytes) + 1;
        ulong alike = _journal.Index.CountAlike(offset / PageBytes, pages, out inside);
        return (int)Math.Min((ulong)length, ((inside ? 1 : alike) * PageBytes) - within);
    }

    private bool TryReadJournal(ulong offset, Span<byte> destination)
    {
        ulong page = offset / PageBytes;
        int available = this.AvailableAt(offset, destination.Length);
        if (destination.Length == PageBytes)
        {
            if (!_journal.TryRead(page, destination))
            {
                return false;
            }
        }
        else
        {
            Span<byte> whole = stackalloc byte[PageBytes]; // a page is checked as a whole
            if (!_journal.TryRead(page, whole))
            {
                return false;
            }

            whole.Slice((int)(offset % PageBytes), destination.Length).CopyTo(destination);
        }

        destination[available..].Clear(); // behind the end all is zeros, whatever was written there
        return true;
    }
}
