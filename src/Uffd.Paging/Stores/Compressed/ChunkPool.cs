namespace Uffd.Paging;

/// <summary>
/// The chunks of a heap: cut from mappings, handed out to classes, taken back. It keeps what is held below a limit. Chunks that come back
/// are kept for whoever needs one next; of more than a few the memory goes back to the system.
/// </summary>
internal sealed class ChunkPool : IDisposable
{
    private const int ChunksPerArena = 256; // 16 MiB of addresses, which cost memory only when they are touched
    private const int MostIdle = 16; // a megabyte that is not asked of the system again at once

    private readonly ulong _maxBytes;
    private readonly Lock _gate = new();
    private readonly List<MemoryMapping> _arenas = [];
    private readonly Stack<SlabChunk> _idle = new();
    private readonly Stack<SlabChunk> _cold = new();
    private SlabChunk[] _chunks = new SlabChunk[64];
    private int _count;
    private int _cutFromArena = ChunksPerArena;
    private long _bytesHeld;
    private bool _disposed;

    /// <param name="maxBytes">The most bytes of chunks.</param>
    public ChunkPool(ulong maxBytes) => _maxBytes = maxBytes;

    /// <summary>The bytes of memory in chunks, with slots in use or without.</summary>
    public ulong BytesHeld => (ulong)Volatile.Read(ref _bytesHeld);

    /// <summary>A chunk by its number, without a lock: it is never another object.</summary>
    public SlabChunk this[uint number] => Volatile.Read(ref _chunks)[number];

    /// <summary>Takes a chunk with whatever bytes are in it.</summary>
    /// <returns>Null when the limit is reached.</returns>
    /// <exception cref="UffdException">The system has no memory.</exception>
    public SlabChunk? TryTake()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(CompressedMemoryPageStore));
            if (_idle.TryPop(out SlabChunk? chunk))
            {
                return chunk;
            }

            if ((ulong)_bytesHeld + SlabChunk.Bytes > _maxBytes)
            {
                return null;
            }

            chunk = _cold.TryPop(out SlabChunk? cold) ? cold : Cut();
            Volatile.Write(ref _bytesHeld, _bytesHeld + SlabChunk.Bytes);
            return chunk;
        }
    }

    /// <summary>Takes back a chunk in which nothing is.</summary>
    public void Return(SlabChunk chunk)
    {
        lock (_gate)
        {
            if (_idle.Count < MostIdle)
            {
                _idle.Push(chunk);
                return;
            }

            MemoryMapping arena = _arenas[(int)(chunk.Number / ChunksPerArena)];
            arena.Advise(MemoryAdvice.DontNeed, new AddressRange((ulong)chunk.Address, SlabChunk.Bytes));
            _cold.Push(chunk);
            Volatile.Write(ref _bytesHeld, _bytesHeld - SlabChunk.Bytes);
        }
    }

    /// <summary>Unmaps all. Nobody may be in any of it.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _arenas.ForEach(arena => arena.Dispose());
            _arenas.Clear();
            Volatile.Write(ref _bytesHeld, 0);
        }
    }

    private SlabChunk Cut()
    {
        if (_cutFromArena == ChunksPerArena)
        {
            _arenas.Add(MemoryMapping.CreateAnonymous(ChunksPerArena * (ulong)SlabChunk.Bytes, new MemoryMappingOptions { NoReserve = true }));
            _cutFromArena = 0;
        }

        if (_count == _chunks.Length)
        {
            SlabChunk[] longer = new SlabChunk[2 * _count];
            _chunks.CopyTo(longer, 0);
            Volatile.Write(ref _chunks, longer);
        }

        var chunk = new SlabChunk((uint)_count, (nint)_arenas[^1].Address + (_cutFromArena * SlabChunk.Bytes));
        _cutFromArena++;
        Volatile.Write(ref _chunks[_count++], chunk); // whoever has its number finds it made
        return chunk;
    }
}
