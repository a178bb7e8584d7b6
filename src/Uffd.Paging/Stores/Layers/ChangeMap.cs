namespace Uffd.Paging;

/// <summary>
/// Keeps in a store which pages are changed, a bit each. Bits are only ever set, and each only after its page's content is durable: so
/// whatever a loss of power leaves of a map that was being written, sector by sector, is a map that was true.
/// </summary>
internal sealed class ChangeMap
{
    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;

    private readonly IPageStore _store;
    private readonly StoredPages _changed;
    private readonly int[] _dirty; // by page of the map
    private readonly Lock _saving = new();

    /// <param name="store">What is kept; <see cref="LengthFor"/> bytes.</param>
    /// <param name="changed">Gets what the store has.</param>
    /// <exception cref="IOException">The store cannot be read.</exception>
    public ChangeMap(IPageStore store, StoredPages changed)
    {
        _store = store;
        _changed = changed;
        _dirty = new int[checked((int)(store.Length / PageSize))];
        using var page = new AlignedBuffer((int)PageSize);
        for (ulong offset = 0; offset < store.Length;)
        {
            SourceRun run = store.GetRun(offset, store.Length - offset);
            if (run.Kind is SourceRunKind.Hole or SourceRunKind.Zero && run.Length >= PageSize)
            {
                offset += run.Length - (run.Length % PageSize); // nothing is changed there
                continue;
            }

            store.Read(offset, page.Span);
            for (int at = 0; at < page.Span.Length; at += StoredPages.ChunkBytes)
            {
                changed.AddChunk((offset + (ulong)at) / StoredPages.ChunkBytes, page.Span.Slice(at, StoredPages.ChunkBytes));
            }

            offset += PageSize;
        }
    }

    /// <summary>The bytes of a map for so many bytes: whole pages.</summary>
    public static ulong LengthFor(ulong length)
    {
        ulong pages = (length / PageSize) + (length % PageSize == 0 ? 0UL : 1UL);
        ulong perPage = PageSize * 8;
        return ((pages + perPage - 1) / perPage) * PageSize;
    }

    /// <summary>Pages have come in: the next flush keeps them.</summary>
    public void Touch(ulong offset, ulong length)
    {
        ulong perPage = PageSize * PageSize * 8;
        for (ulong page = offset / perPage; page <= (offset + length - 1) / perPage; page++)
        {
            Volatile.Write(ref _dirty[page], 1);
        }
    }

    /// <summary>Flushes the changes, and then keeps which there are.</summary>
    /// <param name="changes">What holds the pages.</param>
    public void Flush(IPageStore changes)
    {
        lock (_saving)
        {
            // As it is now: a page that is written while the changes are flushed is perhaps not durable when that is done.
            List<(int Page, byte[] Bits)> taken = Take();
            try
            {
                changes.Flush();
                if (taken.Count > 0)
                {
                    taken.ForEach(one => _store.Write((ulong)one.Page * PageSize, one.Bits));
                    _store.Flush();
                }
            }
            catch
            {
                taken.ForEach(one => Volatile.Write(ref _dirty[one.Page], 1)); // for the next one
                throw;
            }
        }
    }

    private List<(int Page, byte[] Bits)> Take()
    {
        var taken = new List<(int Page, byte[] Bits)>();
        for (int page = 0; page < _dirty.Length; page++)
        {
            if (Interlocked.Exchange(ref _dirty[page], 0) == 0)
            {
                continue;
            }

            byte[] bits = new byte[PageSize];
            for (int at = 0; at < bits.Length; at += StoredPages.ChunkBytes)
            {
                _changed.CopyChunk((((ulong)page * PageSize) + (ulong)at) / StoredPages.ChunkBytes, bits.AsSpan(at, StoredPages.ChunkBytes));
            }

            taken.Add((page, bits));
        }

        return taken;
    }
}
