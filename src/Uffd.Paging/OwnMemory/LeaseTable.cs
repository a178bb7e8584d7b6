using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>
/// The leases of a region: page-aligned ranges that stay where they are. Taking and giving back costs a few atomic steps, from any
/// thread. A place carries a version, so that a lease that was given back twice, or used afterwards, is known.
/// </summary>
internal sealed unsafe class LeaseTable
{
    /// <summary>Bit 0 of a place's end: the lease may write.</summary>
    private const ulong WriteBit = 1;

    private const int PlacesOfAChunk = 256;
    private const int MaxChunks = 4096; // a million leases at once

    private readonly Lock _growing = new();
    private readonly Place[][] _arrays = new Place[MaxChunks][]; // pinned: they keep alive what the pointers point to
    private readonly Place*[] _chunks = new Place*[MaxChunks];
    private int _chunkCount;
    private long _free = -1; // the top of the stack of free places: its index below, a count of changes above, against ABA
    private long _held;

    /// <summary>How many leases are held.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>Takes a place for a range, and with it a full fence: look at the pages' states after this, not before.</summary>
    public int Take(ulong start, ulong end, bool write, out int version)
    {
        int index = Pop();
        Place* place = At(index);
        version = Volatile.Read(ref place->Version);
        place->End = end | (write ? WriteBit : 0);
        Volatile.Write(ref place->Start, start);
        Interlocked.Increment(ref _held);
        return index;
    }

    /// <summary>Whether the lease is still held.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsHeld(int index, int version) => Volatile.Read(ref At(index)->Version) == version;

    /// <summary>Gives a place back; nothing if that was done before.</summary>
    public bool Release(int index, int version)
    {
        Place* place = At(index);
        if (Interlocked.CompareExchange(ref place->Version, unchecked(version + 1), version) != version)
        {
            return false;
        }

        Volatile.Write(ref place->Start, 0);
        Push(index);
        Interlocked.Decrement(ref _held);
        return true;
    }

    /// <summary>Adds the ranges of leases. Call it after the process-wide barrier.</summary>
    /// <param name="all">Receives every lease's.</param>
    /// <param name="writing">Receives those that may write; may be null.</param>
    public void Collect(List<AddressRange> all, List<AddressRange>? writing)
    {
        int count = Volatile.Read(ref _chunkCount);
        for (int chunk = 0; chunk < count; chunk++)
        {
            for (int index = 0; index < PlacesOfAChunk; index++)
            {
                Place* place = _chunks[chunk] + index; // inside the chunk, which lives as long as this
                ulong start = Volatile.Read(ref place->Start);
                ulong end = Volatile.Read(ref place->End);
                if (start == 0 || (end & ~WriteBit) <= start || Volatile.Read(ref place->Start) != start)
                {
                    continue; // free, or taken at this moment: it will see the states
                }

                var range = AddressRange.FromBounds(start, end & ~WriteBit);
                all.Add(range);
                if ((end & WriteBit) != 0)
                {
                    writing?.Add(range);
                }
            }
        }
    }

    private Place* At(int index) => _chunks[index / PlacesOfAChunk] + (index % PlacesOfAChunk); // indices come from Pop

    private int Pop()
    {
        while (true)
        {
            long top = Interlocked.Read(ref _free);
            int index = unchecked((int)top);
            if (index < 0)
            {
                Grow();
                continue;
            }

            long next = Tagged(Volatile.Read(ref At(index)->Next), top);
            if (Interlocked.CompareExchange(ref _free, next, top) == top)
            {
                return index;
            }
        }
    }

    private void Push(int index)
    {
        while (true)
        {
            long top = Interlocked.Read(ref _free);
            Volatile.Write(ref At(index)->Next, unchecked((int)top));
            if (Interlocked.CompareExchange(ref _free, Tagged(index, top), top) == top)
            {
                return;
            }
        }
    }

    private static long Tagged(int index, long before) => unchecked((((before >> 32) + 1) << 32) | (uint)index);

    private void Grow()
    {
        lock (_growing)
        {
            if (unchecked((int)Interlocked.Read(ref _free)) >= 0)
            {
                return;
            }

            if (_chunkCount == MaxChunks)
            {
                throw new InvalidOperationException($"{MaxChunks * PlacesOfAChunk} leases are held at once: dispose those that are not needed");
            }

            _arrays[_chunkCount] = GC.AllocateArray<Place>(PlacesOfAChunk, pinned: true);
            _chunks[_chunkCount] = (Place*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_arrays[_chunkCount])); // it never moves
            Volatile.Write(ref _chunkCount, _chunkCount + 1);
            for (int index = PlacesOfAChunk - 1; index >= 0; index--)
            {
                Push(((_chunkCount - 1) * PlacesOfAChunk) + index);
            }
        }
    }

    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct Place
    {
        public ulong Start;
        public ulong End;
        public int Version;
        public int Next;
    }
}
