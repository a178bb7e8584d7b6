namespace Uffd.Paging;

/// <summary>
/// The chunks with slots of one size. New blobs go to chunks that have room. When too many slots are free, a chunk is given up: nothing new
/// goes there, and who frees slots moves some of its blobs elsewhere until it is empty (<see cref="SlabCompactor"/>).
/// </summary>
internal sealed class SlabClass
{
    /// <summary>Sizes of slots are multiples of it, in bytes.</summary>
    public const int Granule = 64;

    private const int Candidates = 32; // chunks that are looked at to find one with much room

    private readonly ChunkPool _pool;
    private readonly Lock _gate = new();
    private readonly List<SlabChunk> _withRoom = [];
    private SlabChunk? _leaving;
    private int _cursor; // the slot of the leaving chunk that is looked at next
    private int _nextCandidate;
    private int _moving;
    private long _slots;
    private long _free;

    /// <param name="pool">Where chunks come from.</param>
    /// <param name="slotBytes">The size of a slot.</param>
    public SlabClass(ChunkPool pool, int slotBytes)
    {
        _pool = pool;
        SlotBytes = slotBytes;
        SlotsPerChunk = SlabChunk.Bytes / slotBytes;
    }

    /// <summary>The size of a slot, in bytes.</summary>
    public int SlotBytes { get; }

    /// <summary>How many there are in a chunk.</summary>
    public int SlotsPerChunk { get; }

    /// <summary>Whether so many slots are free that chunks should be given up: more than a quarter, and more than two chunks have.</summary>
    public bool IsWasteful
    {
        get
        {
            long free = Volatile.Read(ref _free);
            return free > 2 * SlotsPerChunk && 4 * free > Volatile.Read(ref _slots);
        }
    }

    /// <summary>Whether at least one chunk would become free if all others were filled.</summary>
    public bool HasSpareChunk => Volatile.Read(ref _free) >= SlotsPerChunk;

    /// <summary>Takes a slot.</summary>
    /// <param name="owner">The page that it is for.</param>
    /// <param name="mayGrow">Whether a chunk may be taken from the pool.</param>
    /// <param name="place">Where it is.</param>
    /// <returns>False when there is none, and no chunk to be had.</returns>
    public bool TryTake(ulong owner, bool mayGrow, out SlabPlace place)
    {
        lock (_gate)
        {
            if (_withRoom.Count == 0)
            {
                if (!mayGrow || _pool.TryTake() is not { } fresh)
                {
                    place = default;
                    return false;
                }

                fresh.Format(this);
                AddWithRoom(fresh);
                Count(SlotsPerChunk, SlotsPerChunk);
            }

            SlabChunk chunk = _withRoom[^1];
            place = new SlabPlace(chunk.Number, chunk.Take(owner));
            Count(0, -1);
            if (chunk.Live == chunk.Slots)
            {
                RemoveWithRoom(chunk);
            }

            return true;
        }
    }

    /// <summary>Frees a slot of a chunk of this class.</summary>
    public void Release(SlabChunk chunk, int slot)
    {
        lock (_gate)
        {
            chunk.Release(slot);
            Count(0, 1);
            if (chunk.Live == 0)
            {
                RemoveWithRoom(chunk);
                _leaving = ReferenceEquals(_leaving, chunk) ? null : _leaving;
                Count(-SlotsPerChunk, -SlotsPerChunk);
                chunk.Unformat();
                _pool.Return(chunk);
            }
            else if (chunk.ListIndex < 0 && !ReferenceEquals(_leaving, chunk))
            {
                AddWithRoom(chunk);
            }
        }
    }

    /// <summary>Lets one thread at a time move blobs.</summary>
    public bool TryBeginMoving() => Interlocked.CompareExchange(ref _moving, 1, 0) == 0;

    /// <summary>Lets the next one.</summary>
    public void EndMoving() => Volatile.Write(ref _moving, 0);

    /// <summary>The next blob that should be moved, of the chunk that is being given up; chooses one if there is none.</summary>
    /// <returns>False when there is no chunk to give up, or all of this one's blobs have had their turn: it is in use again then.</returns>
    public bool TryNextToMove(out SlabPlace place, out ulong owner)
    {
        lock (_gate)
        {
            _leaving ??= TryChoose();
            if (_leaving is { } chunk)
            {
                if (chunk.TryFindTaken(_cursor, out int slot, out owner))
                {
                    _cursor = slot + 1;
                    place = new SlabPlace(chunk.Number, slot);
                    return true;
                }

                KeepLeaving();
            }
        }

        (place, owner) = (default, 0);
        return false;
    }

    /// <summary>Gives nothing up any more: there is no room for its blobs.</summary>
    public void StopMoving()
    {
        lock (_gate)
        {
            KeepLeaving();
        }
    }

    private void KeepLeaving()
    {
        if (_leaving is { } chunk)
        {
            _leaving = null;
            AddWithRoom(chunk); // it was chosen with room, and nothing was put there since
        }
    }

    /// <summary>Of some chunks the one with the most room, unless it is the only one.</summary>
    private SlabChunk? TryChoose()
    {
        if (_withRoom.Count < 2)
        {
            return null;
        }

        SlabChunk? best = null;
        for (int step = 0; step < Math.Min(Candidates, _withRoom.Count); step++)
        {
            _nextCandidate = (_nextCandidate + 1) % _withRoom.Count;
            SlabChunk chunk = _withRoom[_nextCandidate];
            best = best is null || chunk.Live < best.Live ? chunk : best;
        }

        RemoveWithRoom(best!);
        _cursor = 0;
        return best;
    }

    private void AddWithRoom(SlabChunk chunk)
    {
        chunk.ListIndex = _withRoom.Count;
        _withRoom.Add(chunk);
    }

    private void RemoveWithRoom(SlabChunk chunk)
    {
        if (chunk.ListIndex < 0)
        {
            return;
        }

        SlabChunk last = _withRoom[^1];
        _withRoom[chunk.ListIndex] = last;
        last.ListIndex = chunk.ListIndex;
        _withRoom.RemoveAt(_withRoom.Count - 1);
        chunk.ListIndex = -1;
    }

    private void Count(int slots, int free)
    {
        Volatile.Write(ref _slots, _slots + slots);
        Volatile.Write(ref _free, _free + free);
    }
}
