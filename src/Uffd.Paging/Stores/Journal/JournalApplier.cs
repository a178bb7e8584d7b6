namespace Uffd.Paging;

/// <summary>Brings a commit's pages to the store: in order, in large pieces, through a buffer that is aligned to pages.</summary>
internal sealed class JournalApplier(IJournalFile file, IPageStore inner) : IDisposable
{
    private const int MostPages = 256; // 1 MiB

    private MemoryMapping? _buffer;

    /// <summary>Looks whether every page of a commit is what was written.</summary>
    /// <exception cref="InvalidDataException">One is not. The store was not touched.</exception>
    public void Check(ReadOnlySpan<JournalEntry> entries)
    {
        foreach (JournalEntry entry in entries)
        {
            Read(entry, Buffer(1));
        }
    }

    /// <summary>Writes a commit's pages to the store and makes them durable there.</summary>
    /// <exception cref="InvalidDataException">A page is not what was written. Those before it are in the store.</exception>
    /// <exception cref="IOException">The store failed. Any part of the pages is there.</exception>
    public void Apply(ReadOnlySpan<JournalEntry> entries)
    {
        while (entries.Length > 0)
        {
            int run = 1;
            while (run < Math.Min(entries.Length, MostPages) && entries[run].Page == entries[0].Page + (ulong)run)
            {
                run++;
            }

            Span<byte> pages = Buffer(run);
            for (int index = 0; index < run; index++)
            {
                Read(entries[index], pages.Slice(index * JournalLayout.BlockBytes, JournalLayout.BlockBytes));
            }

            inner.Write(entries[0].Page * JournalLayout.BlockBytes, pages);
            entries = entries[run..];
        }

        inner.Flush();
    }

    /// <summary>
    /// Writes every page again where it is, after a sync that failed: the system may take them for written now although they are not.
    /// </summary>
    /// <exception cref="InvalidDataException">One is lost already.</exception>
    public void Rewrite(ReadOnlySpan<JournalEntry> entries)
    {
        foreach (JournalEntry entry in entries)
        {
            Span<byte> page = Buffer(1);
            Read(entry, page);
            file.Write((ulong)entry.Place.Block * JournalLayout.BlockBytes, page);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _buffer?.Dispose();

    private Span<byte> Buffer(int pages)
    {
        _buffer ??= MemoryMapping.CreateAnonymous(MostPages * JournalLayout.BlockBytes);
        return _buffer.AsSpan(0, pages * JournalLayout.BlockBytes);
    }

    private void Read(JournalEntry entry, Span<byte> page)
    {
        if (file.Read((ulong)entry.Place.Block * JournalLayout.BlockBytes, page) < page.Length || Crc32C.Of(page) != entry.Place.Checksum)
        {
            throw JournalRecord.Damaged(file, $"page {entry.Page} is not what was written");
        }
    }
}
