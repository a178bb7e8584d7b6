namespace Uffd.Paging;

/// <summary>
/// An entry for each page, in blocks of 512: one is made when a page of its 2 MiB is first written. What finds the blocks are addresses
/// that cost memory only where they are touched, so that a terabyte with few pages costs little.
/// </summary>
internal sealed unsafe class EntryTable : IDisposable
{
    /// <summary>How many entries are in a block, which is 4 KiB.</summary>
    public const int EntriesPerBlock = PageEntry.PageBytes / sizeof(ulong);

    private readonly SlabHeap _heap;
    private readonly MemoryMapping _blocks;

    /// <param name="heap">Where blocks come from.</param>
    /// <param name="pages">How many pages there are.</param>
    public EntryTable(SlabHeap heap, ulong pages)
    {
        _heap = heap;
        Pages = pages;
        ulong blocks = (pages + EntriesPerBlock - 1) / EntriesPerBlock;
        _blocks = MemoryMapping.CreateAnonymous(blocks * (ulong)sizeof(nint), new MemoryMappingOptions { NoReserve = true });
        _blocks.Advise(MemoryAdvice.NoHugePage); // one block known would cost 2 MiB
    }

    /// <summary>How many pages there are.</summary>
    public ulong Pages { get; }

    /// <summary>A page's entry, or null when nothing of its block was ever written: it is a page of zeros.</summary>
    /// <param name="page">Below <see cref="Pages"/>.</param>
    public ulong* Find(ulong page)
    {
        nint block = Volatile.Read(ref *BlockOf(page));
        return block == 0 ? null : (ulong*)block + (page % EntriesPerBlock);
    }

    /// <summary>A page's entry; makes its block if there is none.</summary>
    /// <param name="page">Below <see cref="Pages"/>.</param>
    /// <returns>Null when there is no memory left for it.</returns>
    public ulong* FindOrMake(ulong page)
    {
        ulong* entry = Find(page);
        if (entry != null)
        {
            return entry;
        }

        lock (_heap)
        {
            nint* place = BlockOf(page);
            if (*place == 0)
            {
                Volatile.Write(ref *place, _heap.TryTakeTable()); // zeros first, then seen
            }
        }

        return Find(page);
    }

    /// <inheritdoc/>
    public void Dispose() => _blocks.Dispose();

    /// <summary>Inside the mapping: pages are below their number, which the callers have checked.</summary>
    private nint* BlockOf(ulong page) => (nint*)_blocks.Address + (page / EntriesPerBlock);
}
