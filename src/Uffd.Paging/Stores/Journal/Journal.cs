namespace Uffd.Paging;

/// <summary>
/// A file into which pages go before they go to a store, all together. Each step that others build on is durable before the next one
/// begins: pages and record, then the header that tells of them, then the store, then the header that tells of nothing.
/// </summary>
internal sealed class Journal : IDisposable
{
    private readonly IJournalFile _file;
    private readonly JournalHeaders _headers;
    private readonly JournalIndex _index;
    private readonly JournalApplier _applier;
    private readonly ulong _maxBytes;
    private JournalCommit? _pending; // a commit that the journal may tell of, and that the store may have in part
    private bool _isDoubtful; // a sync failed since the last commit: what was written before is durable or not

    /// <summary>Opens a journal and replays what is in it.</summary>
    /// <param name="file">The file. Owned when this returns.</param>
    /// <param name="inner">The store.</param>
    /// <param name="options">How.</param>
    /// <exception cref="InvalidDataException">It is none, damaged, or another store's. Neither was changed.</exception>
    /// <exception cref="IOException">It could not be replayed, and will be when it is opened again.</exception>
    public Journal(IJournalFile file, IPageStore inner, JournalOptions options)
    {
        _file = file;
        _maxBytes = options.MaxBytes;
        _headers = JournalHeaders.Load(file, inner.Length, options.StoreIdentity);
        _index = new JournalIndex(options.MaxBytes);
        _applier = new JournalApplier(file, inner);
        try
        {
            Recover(((inner.Length - 1) / JournalLayout.BlockBytes) + 1);
        }
        catch
        {
            _applier.Dispose();
            throw;
        }
    }

    /// <summary>Which pages are in it.</summary>
    public JournalIndex Index => _index;

    /// <summary>Reads a page that may be in the journal. Never one that is being written.</summary>
    /// <param name="page">Which.</param>
    /// <param name="destination">Filled whole, if it is.</param>
    /// <returns>False when the store has it.</returns>
    /// <exception cref="IOException">It is not what was written, or cannot be read.</exception>
    public bool TryRead(ulong page, Span<byte> destination)
    {
        while (_index.TryFind(page, out JournalPlace place))
        {
            bool whole = _file.Read((ulong)place.Block * JournalLayout.BlockBytes, destination) == destination.Length;
            if (whole && Crc32C.Of(destination) == place.Checksum)
            {
                return true;
            }

            // A flush that ended meanwhile has given the page to the store, and others the block.
            if (_index.TryFind(page, out JournalPlace now) && now == place)
            {
                throw new IOException($"the journal {_file.Name} is damaged: page {page} is not what was written since the last flush");
            }
        }

        return false;
    }

    /// <summary>Writes pages. Not during a flush.</summary>
    /// <param name="page">The first.</param>
    /// <param name="source">Whole pages.</param>
    /// <exception cref="IOException">There is no room, or they could not be written. Each is as it was or as it should be.</exception>
    public void Append(ulong page, ReadOnlySpan<byte> source)
    {
        int count = source.Length / JournalLayout.BlockBytes;
        Span<uint> blocks = count <= 64 ? stackalloc uint[count] : new uint[count];
        if (!_index.TryTake(blocks))
        {
            throw new IOException($"the journal {_file.Name} is full: {count} pages more do not fit into {_maxBytes} bytes; flush more often, or allow more ({nameof(JournalOptions)}.{nameof(JournalOptions.MaxBytes)})");
        }

        int done = 0;
        try
        {
            while (done < count)
            {
                int run = 1;
                while (done + run < count && blocks[done + run] == blocks[done] + run)
                {
                    run++;
                }

                ReadOnlySpan<byte> bytes = source.Slice(done * JournalLayout.BlockBytes, run * JournalLayout.BlockBytes);
                _file.Write((ulong)blocks[done] * JournalLayout.BlockBytes, bytes);
                for (int index = 0; index < run; index++, done++)
                {
                    uint checksum = Crc32C.Of(bytes.Slice(index * JournalLayout.BlockBytes, JournalLayout.BlockBytes));
                    _index.Set(page + (ulong)done, new JournalPlace(blocks[done], checksum));
                }
            }
        }
        catch
        {
            _index.GiveBack(blocks[done..]);
            throw;
        }
    }

    /// <summary>Brings all pages to the store, together. Nobody writes meanwhile.</summary>
    /// <exception cref="IOException">It has to be done again. What is in the journal stays there.</exception>
    public void Flush()
    {
        try
        {
            FinishPending(); // of a flush that failed half way
            if (_index.Count > 0)
            {
                Prepare();
                FinishPending();
            }
        }
        catch (InvalidDataException exception)
        {
            throw new IOException(exception.Message, exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _applier.Dispose();
        _file.Dispose();
    }

    /// <summary>Makes a commit durable, of which nothing counts yet.</summary>
    private void Prepare()
    {
        JournalEntry[] entries = _index.ToEntries();
        if (_isDoubtful)
        {
            _applier.Rewrite(entries);
        }

        JournalRecordPlace record = JournalRecord.Write(_file, _index.End, entries);
        _headers.WriteOther(JournalState.Prepared, record);
        Sync();
        _isDoubtful = false;
        _index.Pin(record);
        _pending = new JournalCommit(entries, record);
    }

    /// <summary>Lets a prepared commit count, brings it to the store, and lets it count no more.</summary>
    private void FinishPending()
    {
        if (_pending is not { } commit)
        {
            return;
        }

        if (!commit.IsDurable)
        {
            _headers.WriteCurrent(JournalState.Committed, commit.Record);
            Sync();
            commit.IsDurable = true;
        }

        _applier.Apply(commit.Entries);
        End();
        _index.Remove(commit.Entries);
        _pending = null;
        Shrink();
    }

    /// <summary>From here on the store counts, and nothing of the journal.</summary>
    private void End()
    {
        _headers.WriteOther(JournalState.Empty, default);
        Sync();
        _headers.Switch();
    }

    private void Sync()
    {
        try
        {
            _file.Sync();
        }
        catch
        {
            _isDoubtful = true;
            throw;
        }
    }

    private void Recover(ulong storePages)
    {
        if (_headers.State != JournalState.Empty)
        {
            JournalEntry[] entries = JournalRecord.Read(_file, _headers.Record, storePages);
            _applier.Check(entries); // all of them, before the first one is brought to the store
            _applier.Apply(entries);
            End();
        }
        else if (_headers.OtherMisleads)
        {
            End(); // written anew, so that it cannot count when this one should be damaged some day
        }

        Shrink();
    }

    /// <summary>Gives back the file's room, if nothing is in it. That it fails harms nobody.</summary>
    private void Shrink()
    {
        const ulong Headers = JournalLayout.HeaderBlocks * JournalLayout.BlockBytes;
        try
        {
            if (_index.Count == 0 && _file.Length > Headers)
            {
                _file.Truncate(Headers);
            }
        }
        catch (IOException)
        {
            // It is as long as it was, and all of it is written over.
        }
    }
}
