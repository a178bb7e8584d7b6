using System.Runtime.CompilerServices;

namespace Uffd.Paging;

/// <summary>
/// The states of a region's pages, and how many are resident. Everything is read and changed under <see cref="Gate"/>, together with the
/// protection that belongs to a state: a page whose state says "write-protected" while it is writable would lose a write.
/// </summary>
internal sealed unsafe class RawPages : IDisposable
{
    private const int ChunkShift = 12; // pages of a chunk: as many as their states fill one page of memory

    private readonly MemoryMapping _memory;
    private readonly byte* _states; // one for each page, inside _memory; every access is bounds-checked by the indexer or a span
    private readonly int[] _dirtyInChunk;

    public RawPages(long pages, long limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pages);
        Count = pages;
        Limit = limit;
        _memory = MemoryMapping.CreateAnonymous((ulong)pages, new MemoryMappingOptions { NoReserve = true });
        _states = (byte*)_memory.Address;
        _dirtyInChunk = new int[((pages - 1) >> ChunkShift) + 1];
    }

    /// <summary>Held for microseconds: for a change of states and the kernel calls that make it true, and never for input or output.</summary>
    public Lock Gate { get; } = new();

    public long Count { get; }

    /// <summary>How many pages may be resident.</summary>
    public long Limit { get; }

    /// <summary>How many more may be, because the store takes no writes at the moment.</summary>
    public long Allowance { get; set; }

    /// <summary>Pages in memory, and those that a fill has room for.</summary>
    public long Resident { get; private set; }

    public long Dirty { get; private set; }

    public RawPageState this[long page]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)page, (ulong)Count, nameof(page));
            return (RawPageState)_states[page];
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        set
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)page, (ulong)Count, nameof(page));
            int change = (IsDirty(value) ? 1 : 0) - (IsDirty((RawPageState)_states[page]) ? 1 : 0);
            _states[page] = (byte)value;
            Dirty += change;
            _dirtyInChunk[page >> ChunkShift] += change;
        }
    }

    /// <summary>Takes room for pages that are about to be filled.</summary>
    public bool TryReserve(long pages)
    {
        if (Resident + pages > Limit + Allowance)
        {
            return false;
        }

        Resident += pages;
        return true;
    }

    public void Release(long pages) => Resident -= pages;

    /// <summary>Finds dirty pages that nobody is writing, in order.</summary>
    /// <param name="from">Where to begin; then where to go on.</param>
    /// <param name="found">Receives them.</param>
    /// <param name="most">How many at most.</param>
    public void FindDirty(ref long from, List<long> found, int most)
    {
        while (from < Count && found.Count < most)
        {
            long chunk = from >> ChunkShift;
            long end = Math.Min(Count, (chunk + 1) << ChunkShift);
            if (_dirtyInChunk[chunk] == 0)
            {
                from = end;
                continue;
            }

            var states = new ReadOnlySpan<byte>(_states + from, (int)(end - from)); // up to the chunk's end, which lies inside
            int index = states.IndexOf((byte)RawPageState.Dirty);
            if (index < 0)
            {
                from = end;
                continue;
            }

            found.Add(from + index);
            from += index + 1;
        }
    }

    public void Dispose() => _memory.Dispose();

    private static bool IsDirty(RawPageState state) => state is RawPageState.Dirty or RawPageState.Writing or RawPageState.Rewritten;
}
