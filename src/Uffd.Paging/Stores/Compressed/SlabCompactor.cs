namespace Uffd.Paging;

/// <summary>
/// Moves blobs out of chunks with much room, so that those come back. Who frees a slot moves a few: the work is bounded, and there is no
/// thread for it.
/// </summary>
internal sealed unsafe class SlabCompactor(SlabHeap heap, EntryTable table)
{
    // A chunk that is given up is at most three quarters full where a quarter of all slots is free: with more than three moves for each
    // slot that is freed, the free ones become fewer.
    private const int MovesForOne = 8;

    private const int MovesForAll = 1 << 20;

    private long _moves;

    /// <summary>How many blobs were moved so far.</summary>
    public long Moves => Interlocked.Read(ref _moves);

    /// <summary>After a slot of a class was freed.</summary>
    public void AfterRelease(SlabClass slabClass)
    {
        if (slabClass.IsWasteful)
        {
            Move(slabClass, MovesForOne, squeeze: false);
        }
    }

    /// <summary>Gets back whatever chunks it can: there is no room left.</summary>
    public void Squeeze()
    {
        foreach (SlabClass slabClass in heap.Classes)
        {
            if (slabClass.HasSpareChunk)
            {
                Move(slabClass, MovesForAll, squeeze: true);
            }
        }
    }

    private void Move(SlabClass slabClass, int moves, bool squeeze)
    {
        if (!slabClass.TryBeginMoving())
        {
            return;
        }

        try
        {
            for (int done = 0; done < moves && (squeeze ? slabClass.HasSpareChunk : slabClass.IsWasteful); done++)
            {
                if (!slabClass.TryNextToMove(out SlabPlace from, out ulong owner))
                {
                    break;
                }

                if (!TryMove(slabClass, from, owner))
                {
                    slabClass.StopMoving();
                    break;
                }
            }

            if (squeeze)
            {
                slabClass.StopMoving(); // what is left of the last one is room for others
            }
        }
        finally
        {
            slabClass.EndMoving();
        }
    }

    /// <summary>Moves a blob, or leaves it where it is when its page is in use.</summary>
    /// <returns>False when there is no room for it.</returns>
    private bool TryMove(SlabClass slabClass, SlabPlace from, ulong owner)
    {
        ulong* entry = table.Find(owner);
        if (entry == null || !EntryLock.TryEnter(entry, out PageEntry value))
        {
            return true;
        }

        if (!value.HasPlace || value.Place != from)
        {
            EntryLock.Exit(entry, value); // it was freed since, or is not yet known to its page
            return true;
        }

        if (!slabClass.TryTake(owner, mayGrow: false, out SlabPlace to))
        {
            EntryLock.Exit(entry, value);
            return false;
        }

        // Two slots of one size; the page is held, so that the old one is not freed and the new one is known to nobody.
        Buffer.MemoryCopy(heap.AddressOf(from), heap.AddressOf(to), slabClass.SlotBytes, value.BlobBytes);
        EntryLock.Exit(entry, PageEntry.OfBlob(value.Kind, value.BlobBytes, to));
        heap.Release(from);
        Interlocked.Increment(ref _moves);
        return true;
    }
}
