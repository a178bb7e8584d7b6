using System.Buffers.Binary;
using Uffd.Migration;
using Uffd.Paging;

namespace Uffd.Samples.KeyValue;

/// <summary>
/// The store that moves: a table in a region over a tracked page store. To be moved it needs no more than to stop for a moment, and its counters.
/// </summary>
internal sealed class KeyValueStore : IMigrationWorkload, IDisposable
{
    private const int StateBytes = 16;

    private readonly TrackedPageStore _pages;
    private readonly PagedRegion _region;
    private readonly KeyValueTable _table;
    private long _sets;
    private long _gets;

    /// <param name="pages">The pages: an empty store, or where another's pages land. Owned from now on.</param>
    public KeyValueStore(IPageStore pages)
    {
        _pages = new TrackedPageStore(pages);

        // All of it may be in memory, and no page has to go: what is moved is what was written, and not what there was no room for.
        _region = PagedRegion.Create(_pages, new PagedRegionOptions { MemoryLimit = pages.Length + Math.Max(pages.Length / 8, 1 << 20), OnDispose = RegionDisposal.Discard, ReadAheadBytes = 0 });
        _table = new KeyValueTable(_region.Memory);
    }

    /// <summary>Bytes of memory.</summary>
    public ulong Length => _pages.Length;

    /// <summary>Where its pages came from another store, how that went.</summary>
    public StoreLanding? Landing { get; init; }

    public long Sets => Interlocked.Read(ref _sets);

    public long Gets => Interlocked.Read(ref _gets);

    /// <summary>Requests come through it; at first they do not.</summary>
    public RequestGate Gate { get; } = new("ERR the store is not here yet");

    /// <summary>Its memory, to be moved. Not to be disposed.</summary>
    public PagedRegionMemory GetMemory() => new(_region, _pages);

    public int Get(ReadOnlySpan<byte> key, Span<byte> value)
    {
        Interlocked.Increment(ref _gets);
        return _table.Get(key, value);
    }

    public bool Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        bool isSet = _table.Set(key, value);
        Interlocked.Increment(ref _sets);
        return isSet;
    }

    /// <summary>Begins to answer, with the counters that it had elsewhere.</summary>
    /// <exception cref="InvalidDataException">They are not counters of such a store.</exception>
    public void Start(ReadOnlySpan<byte> state = default)
    {
        if (!state.IsEmpty)
        {
            if (state.Length != StateBytes)
            {
                throw new InvalidDataException($"a key-value store comes with {StateBytes} bytes of counters, and not with {state.Length}");
            }

            _sets = BinaryPrimitives.ReadInt64LittleEndian(state);
            _gets = BinaryPrimitives.ReadInt64LittleEndian(state[8..]);
        }

        Gate.Open();
    }

    /// <summary>Requests under way end, later ones wait.</summary>
    ValueTask<ReadOnlyMemory<byte>> IMigrationWorkload.PauseAsync(CancellationToken cancellation)
    {
        Gate.Close();
        byte[] state = new byte[StateBytes];
        BinaryPrimitives.WriteInt64LittleEndian(state, Sets);
        BinaryPrimitives.WriteInt64LittleEndian(state.AsSpan(8), Gets);
        return ValueTask.FromResult<ReadOnlyMemory<byte>>(state);
    }

    ValueTask IMigrationWorkload.ResumeAsync()
    {
        Gate.Open();
        return ValueTask.CompletedTask;
    }

    public void Dispose() => _region.Dispose();
}
