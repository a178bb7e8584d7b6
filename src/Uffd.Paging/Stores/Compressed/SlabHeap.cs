namespace Uffd.Paging;

/// <summary>
/// Native memory for blobs of up to 4 KiB: slots in steps of 64 bytes, 65 sizes of them with one for the page table, each size with a lock of its own.
/// What is lost to rounding is below 64 bytes a blob; what is lost to free slots, a quarter of each size's (see <see cref="SlabClass"/>).
/// </summary>
internal sealed unsafe class SlabHeap : IDisposable
{
    /// <summary>The largest blob, in bytes.</summary>
    public const int MaxBlobBytes = PageEntry.PageBytes;

    private readonly ChunkPool _pool;
    private readonly SlabClass[] _classes = new SlabClass[MaxBlobBytes / SlabClass.Granule];
    private readonly SlabClass _tables;

    /// <param name="maxBytes">The most bytes of chunks.</param>
    public SlabHeap(ulong maxBytes)
    {
        _pool = new ChunkPool(maxBytes);
        for (int index = 0; index < _classes.Length; index++)
        {
            _classes[index] = new SlabClass(_pool, (index + 1) * SlabClass.Granule);
        }

        _tables = new SlabClass(_pool, MaxBlobBytes);
    }

    /// <summary>The bytes of memory it has, with slots in use or without.</summary>
    public ulong BytesHeld => _pool.BytesHeld;

    /// <summary>All sizes of blobs, the smallest first.</summary>
    public ReadOnlySpan<SlabClass> Classes => _classes;

    /// <summary>Takes a slot for a blob; a larger one when there is no room for more of its size.</summary>
    /// <param name="bytes">Its length, from 1 to <see cref="MaxBlobBytes"/>.</param>
    /// <param name="owner">Its page.</param>
    /// <param name="place">Where it goes.</param>
    /// <returns>False when the limit is reached.</returns>
    public bool TryTake(int bytes, ulong owner, out SlabPlace place)
    {
        int first = (bytes - 1) / SlabClass.Granule;
        if (_classes[first].TryTake(owner, mayGrow: true, out place))
        {
            return true;
        }

        for (int index = first + 1; index < _classes.Length; index++)
        {
            if (_classes[index].TryTake(owner, mayGrow: false, out place))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Takes a block of 4 KiB of zeros that is never freed or moved.</summary>
    /// <returns>Its address, or 0 when the limit is reached.</returns>
    public nint TryTakeTable()
    {
        if (!_tables.TryTake(owner: 0, mayGrow: true, out SlabPlace place))
        {
            return 0;
        }

        byte* address = AddressOf(place);
        new Span<byte>(address, MaxBlobBytes).Clear(); // a slot of that size, just taken
        return (nint)address;
    }

    /// <summary>Frees a slot. Nobody may look at it any more.</summary>
    /// <returns>Its class, which may be wasteful now.</returns>
    public SlabClass Release(SlabPlace place)
    {
        SlabChunk chunk = _pool[place.Chunk];
        SlabClass slabClass = chunk.Class!; // of a chunk with something in it
        slabClass.Release(chunk, place.Slot);
        return slabClass;
    }

    /// <summary>The first byte of a slot that is taken; valid until it is released.</summary>
    public byte* AddressOf(SlabPlace place)
    {
        SlabChunk chunk = _pool[place.Chunk];
        return (byte*)chunk.Address + (place.Slot * chunk.SlotBytes);
    }

    /// <summary>How many bytes a slot that is taken has room for.</summary>
    public int CapacityOf(SlabPlace place) => _pool[place.Chunk].SlotBytes;

    /// <summary>Whether a slot that is taken is of the size that a blob of some length gets.</summary>
    public bool IsOfSize(SlabPlace place, int bytes) => CapacityOf(place) == ((bytes - 1) / SlabClass.Granule * SlabClass.Granule) + SlabClass.Granule;

    /// <summary>Frees all memory. Nobody may be in any of it.</summary>
    public void Dispose() => _pool.Dispose();
}
