using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>Single pages of a <see cref="CompressedMemoryPageStore"/>: packed, found again, replaced. Any number of threads at once, also on one page.</summary>
internal sealed unsafe class CompressedPages : IDisposable
{
    /// <summary>What saves less than an eighth is not worth unpacking it each time.</summary>
    private const int MostCompressed = PageEntry.PageBytes * 7 / 8;

    private readonly CompressorPool _compressors;
    private readonly SlabHeap _heap;
    private readonly EntryTable _table;
    private readonly SlabCompactor _compactor;
    private readonly PageCounts _counts = new();

    public CompressedPages(ulong pages, CompressorPool compressors, ulong maxBytes)
    {
        _compressors = compressors;
        _heap = new SlabHeap(maxBytes);
        _table = new EntryTable(_heap, pages);
        _compactor = new SlabCompactor(_heap, _table);
    }

    /// <summary>What is held.</summary>
    public CompressedMemoryPageStoreStatistics GetStatistics() => _counts.ToStatistics(_table.Pages, _heap.BytesHeld, _compactor.Moves);

    /// <summary>From a page on, how many are all zeros, or all are not.</summary>
    /// <param name="page">The first.</param>
    /// <param name="most">How many are of interest, at least 1.</param>
    /// <param name="zeros">Which of both.</param>
    public ulong CountAlike(ulong page, ulong most, out bool zeros)
    {
        zeros = IsZero(page, out ulong count);
        while (count < most && IsZero(page + count, out ulong more) == zeros)
        {
            count += more;
        }

        return Math.Min(count, most);
    }

    /// <summary>Fills a buffer with a page.</summary>
    /// <param name="page">Which.</param>
    /// <param name="destination">4 KiB.</param>
    /// <exception cref="IOException">It does not unpack to a page.</exception>
    public void Read(ulong page, Span<byte> destination)
    {
        ulong* entry = _table.Find(page);
        var seen = new PageEntry(entry == null ? 0 : Volatile.Read(ref *entry)); // of the table, which lives as long as this
        if (!seen.HasPlace)
        {
            Fill(destination, seen.Unlocked.Filler); // 0 for a page of zeros
            return;
        }

        PageEntry value = EntryLock.Enter(entry);
        try
        {
            if (!value.HasPlace)
            {
                Fill(destination, value.Filler);
                return;
            }

            // The slot is this page's as long as the page is held, and has room for the blob.
            var blob = new ReadOnlySpan<byte>(_heap.AddressOf(value.Place), value.BlobBytes);
            if (value.Kind == PageKind.Plain)
            {
                blob.CopyTo(destination);
            }
            else if (!TryUnpack(blob, destination))
            {
                throw new IOException($"page {page} is damaged in memory: its {blob.Length} bytes do not unpack to {destination.Length}");
            }
        }
        finally
        {
            EntryLock.Exit(entry, value);
        }
    }

    /// <summary>Replaces a page.</summary>
    /// <param name="page">Which.</param>
    /// <param name="source">4 KiB.</param>
    /// <exception cref="IOException">There is no room for it; it is as it was.</exception>
    [SkipLocalsInit]
    public void Write(ulong page, ReadOnlySpan<byte> source)
    {
        if (IsPattern(source, out uint filler))
        {
            if (filler != 0 || _table.Find(page) != null)
            {
                Replace(page, PageEntry.OfFiller(filler), default);
            }

            return;
        }

        Span<byte> packed = stackalloc byte[MostCompressed];
        IPageCompressor compressor = _compressors.Take();
        int length = compressor.Compress(source, packed);
        _compressors.Return(compressor); // one that threw is left to its finalizer
        if (length > 0)
        {
            Replace(page, PageEntry.OfBlob(PageKind.Compressed, length, default), packed[..length]);
        }
        else
        {
            Replace(page, PageEntry.OfBlob(PageKind.Plain, source.Length, default), source);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _table.Dispose();
        _heap.Dispose();
        _compressors.Dispose();
    }

    private static bool IsPattern(ReadOnlySpan<byte> page, out uint filler)
    {
        filler = MemoryMarshal.Read<uint>(page);
        return page[sizeof(uint)..].SequenceEqual(page[..^sizeof(uint)]); // every four bytes are those before them
    }

    private static void Fill(Span<byte> page, uint filler)
    {
        if (filler == 0)
        {
            page.Clear();
        }
        else
        {
            MemoryMarshal.Cast<byte, uint>(page).Fill(filler);
        }
    }

    private void Replace(ulong page, PageEntry wanted, ReadOnlySpan<byte> blob)
    {
        ulong* entry = _table.FindOrMake(page);
        if (entry == null)
        {
            throw Full();
        }

        PageEntry before = EntryLock.Enter(entry);
        PageEntry after = before;
        bool frees = false;
        try
        {
            if (wanted.HasPlace)
            {
                frees = Put(page, before, wanted, blob, out after);
            }
            else
            {
                after = wanted;
                frees = before.HasPlace;
            }
        }
        finally
        {
            EntryLock.Exit(entry, after);
        }

        _counts.Changed(before, after);
        if (frees)
        {
            _compactor.AfterRelease(_heap.Release(before.Place)); // no entry leads there any more
        }
    }

    /// <summary>Puts a blob into its page's old slot if that is of its size, and otherwise, or if there is no other, into a new one.</summary>
    /// <returns>Whether the old slot, if there was one, is to be freed.</returns>
    private bool Put(ulong page, PageEntry before, PageEntry wanted, ReadOnlySpan<byte> blob, out PageEntry after)
    {
        SlabPlace place = before.Place;
        bool inPlace = before.HasPlace && _heap.IsOfSize(place, blob.Length);
        if (!inPlace && !TryTake(blob.Length, page, out place))
        {
            inPlace = before.HasPlace && _heap.CapacityOf(before.Place) >= blob.Length;
            place = inPlace ? before.Place : throw Full();
        }

        blob.CopyTo(new Span<byte>(_heap.AddressOf(place), blob.Length)); // a slot of this page, with room for it
        after = PageEntry.OfBlob(wanted.Kind, blob.Length, place);
        return before.HasPlace && !inPlace;
    }

    private bool TryTake(int bytes, ulong page, out SlabPlace place)
    {
        if (_heap.TryTake(bytes, page, out place))
        {
            return true;
        }

        _compactor.Squeeze();
        return _heap.TryTake(bytes, page, out place);
    }

    private bool TryUnpack(ReadOnlySpan<byte> blob, Span<byte> destination)
    {
        IPageCompressor compressor = _compressors.Take();
        bool whole = compressor.TryDecompress(blob, destination);
        _compressors.Return(compressor);
        return whole;
    }

    private bool IsZero(ulong page, out ulong count)
    {
        ulong* entry = _table.Find(page);
        if (entry == null)
        {
            count = EntryTable.EntriesPerBlock - (page % EntryTable.EntriesPerBlock); // all of a block that is not there
            return true;
        }

        count = 1;
        return new PageEntry(Volatile.Read(ref *entry)).Unlocked.Value == 0;
    }

    private IOException Full()
        => new($"the compressed pages have no room for another: {_heap.BytesHeld} bytes are held; allow more ({nameof(CompressedMemoryPageStoreOptions)}.{nameof(CompressedMemoryPageStoreOptions.MaxBytes)}) or store less");
}
