namespace Uffd.Paging;

/// <summary>
/// A base that is only read, and a store that takes what is written: the pages that were written are the store's, all others the
/// base's. The base is never changed, so many may stand on one.
/// </summary>
/// <remarks>
/// Which pages were written is known when it is opened again in one of two ways. With a map, a third store, exactly. Without one, what the store of
/// changes tells to be a hole is the base's: nothing else need be kept, as long as its holes last, and cp(1) is enough to end that (docs/stores.md).
/// </remarks>
public sealed class LayeredPageStore : IPageStore
{
    private readonly IPageStore _changes;
    private readonly StoredPages _changed;
    private readonly LayeredPageSource _both;
    private readonly IPageSource _base;
    private readonly IPageStore? _mapStore;
    private readonly ChangeMap? _map;
    private readonly bool _ownsLayers;

    /// <summary>Puts a store over a base.</summary>
    /// <param name="baseSource">Where the pages are that were not written.</param>
    /// <param name="changes">
    /// Takes what is written; as long as the base. Without a map it must tell holes exactly: a file of <see cref="FilePageStore.OpenDiff"/>, a
    /// <see cref="MemoryPageStore"/>. One that tells none hides all of the base.
    /// </param>
    /// <param name="map">
    /// Keeps which pages were written, at each flush; <see cref="GetMapLength"/> bytes, at first all zeros. Null: the holes of the changes tell it.
    /// </param>
    /// <param name="ownsLayers">Whether disposing this disposes all of them.</param>
    /// <exception cref="ArgumentException">They are not of one length, or the map is of another base.</exception>
    /// <exception cref="IOException">The map cannot be read, or without one the store has a part of some page and not all, as diffs of others may.</exception>
    public LayeredPageStore(IPageSource baseSource, IPageStore changes, IPageStore? map = null, bool ownsLayers = true)
    {
        ArgumentNullException.ThrowIfNull(baseSource);
        ArgumentNullException.ThrowIfNull(changes);
        if (changes.Length != baseSource.Length)
        {
            throw new ArgumentException($"the changes have {changes.Length} bytes and the base {baseSource.Length}: they are not of this base", nameof(changes));
        }

        if (map is not null && map.Length != GetMapLength(baseSource.Length))
        {
            throw new ArgumentException($"the map has {map.Length} bytes, and one of this base {GetMapLength(baseSource.Length)}", nameof(map));
        }

        _base = baseSource;
        _changes = changes;
        _mapStore = map;
        _changed = map is null ? FindChanged(changes) : new StoredPages(changes.Length);
        _map = map is null ? null : new ChangeMap(map, _changed);
        _both = new LayeredPageSource(baseSource, [new ChangedPages(changes, _changed)], ownsLayers: false);
        _ownsLayers = ownsLayers;
    }

    /// <inheritdoc/>
    public ulong Length => _both.Length;

    /// <summary>That of the one of both with the least, a quick one apart. 0 if both are quick.</summary>
    public int Concurrency => _both.Concurrency;

    /// <summary>The length of a map, in bytes: a bit for each page of the base, in whole pages.</summary>
    /// <param name="length">That of the base.</param>
    public static ulong GetMapLength(ulong length) => ChangeMap.LengthFor(length);

    /// <inheritdoc/>
    /// <remarks>What the base tells of its pages is passed on: zeros, holes and what is lost. A page that was lost is whole once it was written.</remarks>
    public SourceRun GetRun(ulong offset, ulong length) => _both.GetRun(offset, length);

    /// <inheritdoc/>
    /// <remarks>Only to what was written: the base's bytes would not show a write that comes later.</remarks>
    public DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
    {
        address = 0;
        return _changed.ContainsAll(offset, length) ? _changes.GetDirect(offset, length, out address) : DirectAccess.None;
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> destination) => _both.Read(offset, destination);

    /// <inheritdoc/>
    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => _both.ReadAsync(offset, destination, cancellation);

    /// <inheritdoc/>
    /// <exception cref="IOException">The store of changes could not take them. Pages that were never written before are the base's still.</exception>
    /// <exception cref="ArgumentException">They are not whole pages, or lie outside.</exception>
    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        int available = this.RequirePages(offset, source.Length);
        _changes.Write(offset, source);
        Remember(offset, (ulong)available);
    }

    /// <inheritdoc/>
    public async ValueTask WriteAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation)
    {
        int available = this.RequirePages(offset, source.Length);
        await _changes.WriteAnyAsync(offset, source, cancellation).ConfigureAwait(false);
        Remember(offset, (ulong)available);
    }

    /// <inheritdoc/>
    public void Flush()
    {
        if (_map is null)
        {
            _changes.Flush();
        }
        else
        {
            _map.Flush(_changes);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_ownsLayers)
        {
            _changes.Dispose();
            _mapStore?.Dispose();
            _base.Dispose();
        }
    }

    private void Remember(ulong offset, ulong length)
    {
        if (_changed.Add(offset, length))
        {
            _map?.Touch(offset, length);
        }
    }

    /// <summary>The pages that the store has.</summary>
    private static StoredPages FindChanged(IPageStore changes)
    {
        ulong pageSize = (ulong)Environment.SystemPageSize;
        ulong length = changes.Length;
        var changed = new StoredPages(length);
        bool wasHole = false;
        for (ulong offset = 0; offset < length;)
        {
            SourceRun run = changes.GetRun(offset, length - offset);
            bool isHole = run.Kind == SourceRunKind.Hole;
            if (run.Length == 0)
            {
                throw new IOException($"the store of changes says nothing of the bytes at {offset}");
            }

            if (offset % pageSize != 0 && isHole != wasHole)
            {
                throw new IOException($"the store of changes has a part of the page at {offset - (offset % pageSize)}, and not all of it: such a diff can be a layer of a LayeredPageSource only");
            }

            ulong here = Math.Min(run.Length, length - offset);
            if (!isHole)
            {
                changed.Add(offset, here);
            }

            wasHole = isHole;
            offset += here;
        }

        return changed;
    }
}
