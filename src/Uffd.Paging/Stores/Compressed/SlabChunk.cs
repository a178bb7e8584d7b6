using System.Numerics;

namespace Uffd.Paging;

/// <summary>
/// 64 KiB of native memory, cut into slots of one size. Who is in it is written here and not in the memory, so that slots of a
/// page's size fill it whole. Changed only under the lock of the class it belongs to, or of the pool.
/// </summary>
internal sealed class SlabChunk(uint number, nint address)
{
    /// <summary>The bytes of a chunk.</summary>
    public const int Bytes = 64 << 10;

    private readonly ulong[] _used = new ulong[Bytes / SlabClass.Granule / 64];
    private ulong[] _owners = [];

    /// <summary>Its number in the pool.</summary>
    public uint Number => number;

    /// <summary>The first byte's address, valid as long as the pool.</summary>
    public nint Address => address;

    /// <summary>The bytes of a slot.</summary>
    public int SlotBytes { get; private set; }

    /// <summary>How many slots it has.</summary>
    public int Slots { get; private set; }

    /// <summary>How many of them hold something.</summary>
    public int Live { get; private set; }

    /// <summary>The class it belongs to; null when it is in the pool.</summary>
    public SlabClass? Class { get; private set; }

    /// <summary>Its place in the class's list of chunks with room, or -1.</summary>
    public int ListIndex { get; set; } = -1;

    /// <summary>Cuts it into slots. It must be empty.</summary>
    public void Format(SlabClass slabClass)
    {
        Class = slabClass;
        SlotBytes = slabClass.SlotBytes;
        Slots = slabClass.SlotsPerChunk;
        if (_owners.Length < Slots)
        {
            _owners = new ulong[Slots];
        }
    }

    /// <summary>Gives it back to nobody in particular.</summary>
    public void Unformat() => Class = null;

    /// <summary>Takes the first free slot; there must be one.</summary>
    /// <param name="owner">The page that it is for.</param>
    public int Take(ulong owner)
    {
        for (int word = 0; ; word++)
        {
            int bit = BitOperations.TrailingZeroCount(~_used[word]);
            if (bit < 64)
            {
                _used[word] |= 1UL << bit;
                int slot = (word * 64) + bit;
                _owners[slot] = owner;
                Live++;
                return slot;
            }
        }
    }

    /// <summary>Frees a slot that is taken.</summary>
    public void Release(int slot)
    {
        _used[slot / 64] &= ~(1UL << (slot % 64));
        Live--;
    }

    /// <summary>The first slot from a place on that holds something.</summary>
    /// <returns>False when there is none.</returns>
    public bool TryFindTaken(int from, out int slot, out ulong owner)
    {
        for (slot = from; slot < Slots; slot++)
        {
            if ((_used[slot / 64] & (1UL << (slot % 64))) != 0)
            {
                owner = _owners[slot];
                return true;
            }
        }

        owner = 0;
        return false;
    }
}
