using System.Buffers.Binary;
using Uffd.Paging;

namespace Uffd.Samples.KeyValue;

/// <summary>
/// A hash table in paged memory: slots of 256 bytes, sixteen to a page, none across two. It is cut into shards, so that who waits for a page of one holds up nobody in the others;
/// in its shard a key lies in the slot that its hash tells, or behind it. Everything that it knows is in the memory: moved elsewhere, it is the same table.
/// </summary>
internal sealed class KeyValueTable
{
    public const int MaxKeyBytes = 64;
    public const int MaxValueBytes = SlotBytes - ValueAt;

    private const int SlotBytes = 256;
    private const int KeyLengthAt = 8; // behind the hash, which is 0 in an empty slot
    private const int ValueLengthAt = 9;
    private const int KeyAt = 10;
    private const int ValueAt = KeyAt + MaxKeyBytes;
    private const int MostShards = 256;
    private const int LeastShardSlots = 64;

    private readonly PagedMemory _memory;
    private readonly Lock[] _shards;
    private readonly long _slots; // of a shard

    /// <param name="memory">The memory: zeros for an empty table, or what a table of the same length was in.</param>
    public KeyValueTable(PagedMemory memory)
    {
        _memory = memory;
        long slots = memory.Length / SlotBytes;
        int shards = (int)Math.Clamp(slots / LeastShardSlots, 1, MostShards);
        _slots = slots / shards;
        _shards = [.. Enumerable.Range(0, shards).Select(_ => new Lock())];
    }

    /// <summary>Gets a value.</summary>
    /// <param name="key">At most <see cref="MaxKeyBytes"/>.</param>
    /// <param name="value">Receives it; room for <see cref="MaxValueBytes"/>.</param>
    /// <returns>Its length, or -1 when there is none.</returns>
    /// <exception cref="IOException">A page could not be had.</exception>
    public int Get(ReadOnlySpan<byte> key, Span<byte> value)
    {
        ulong hash = Hash(key);
        Span<byte> slot = stackalloc byte[SlotBytes];
        lock (ShardOf(hash, out long first))
        {
            if (Find(hash, key, first, slot) < 0 || slot[KeyLengthAt] == 0)
            {
                return -1;
            }
        }

        int length = slot[ValueLengthAt];
        slot.Slice(ValueAt, length).CopyTo(value);
        return length;
    }

    /// <summary>Sets a value.</summary>
    /// <param name="key">1 to <see cref="MaxKeyBytes"/>.</param>
    /// <param name="value">At most <see cref="MaxValueBytes"/>.</param>
    /// <returns>False when there is no room.</returns>
    /// <exception cref="IOException">A page could not be had; nothing was changed.</exception>
    public bool Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        ulong hash = Hash(key);
        Span<byte> slot = stackalloc byte[SlotBytes];
        lock (ShardOf(hash, out long first))
        {
            long at = Find(hash, key, first, slot);
            if (at < 0)
            {
                return false;
            }

            slot.Clear();
            BinaryPrimitives.WriteUInt64LittleEndian(slot, hash);
            slot[KeyLengthAt] = (byte)key.Length;
            slot[ValueLengthAt] = (byte)value.Length;
            key.CopyTo(slot[KeyAt..]);
            value.CopyTo(slot[ValueAt..]);
            _memory.CopyFrom(at, slot);
            return true;
        }
    }

    /// <summary>The slot of a key, or the empty one where it would go; -1 when there is neither. What is in it is in <paramref name="slot"/>.</summary>
    private long Find(ulong hash, ReadOnlySpan<byte> key, long first, Span<byte> slot)
    {
        long start = (long)(hash % (ulong)_slots);
        for (long probe = 0; probe < _slots; probe++)
        {
            long at = (first + ((start + probe) % _slots)) * SlotBytes;
            ulong found = _memory.Read<ulong>(at);
            if (found == 0)
            {
                slot.Clear();
                return at;
            }

            if (found == hash)
            {
                _memory.CopyTo(at, slot);
                if (slot.Slice(KeyAt, slot[KeyLengthAt]).SequenceEqual(key))
                {
                    return at;
                }
            }
        }

        return -1;
    }

    private Lock ShardOf(ulong hash, out long first)
    {
        int shard = (int)((hash >> 40) % (ulong)_shards.Length);
        first = shard * _slots;
        return _shards[shard];
    }

    /// <summary>The same in every process, unlike .NET's own: FNV-1a, its bits mixed once more. Never 0.</summary>
    private static ulong Hash(ReadOnlySpan<byte> key)
    {
        unchecked
        {
            ulong hash = 0xcbf29ce484222325;
            foreach (byte one in key)
            {
                hash = (hash ^ one) * 0x100000001b3;
            }

            hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
            hash ^= hash >> 33;
            return hash == 0 ? 1 : hash;
        }
    }
}
