namespace Uffd.Snapshots.Tests;

/// <summary>A snapshot that is kept in memory: a sink while it is taken, and then read. It keeps whole pages by their address.</summary>
public sealed class MemorySnapshot : ISnapshotSink, ISnapshot
{
    private const int PageSize = SnapshotWords.PageSize;
    private const int PagesPerSlab = 256;

    private readonly List<byte[]> _slabs = [];
    private readonly Dictionary<ulong, int> _places = [];
    private readonly Stack<int> _free = new();
    private ProcessState? _state;
    private SnapshotRegion[] _regions = [];
    private int _used;

    /// <inheritdoc/>
    public string Format => "memory";

    /// <inheritdoc/>
    public long StoredBytes => (long)_places.Count * PageSize;

    /// <inheritdoc/>
    public ProcessState State => _state ?? throw new InvalidOperationException("the snapshot is not complete");

    /// <inheritdoc/>
    public IReadOnlyList<string> Parents => [];

    /// <inheritdoc/>
    public void Write(ulong address, ReadOnlySpan<byte> pages)
    {
        Assert.Null(_state);
        Assert.True(address % PageSize == 0 && pages.Length % PageSize == 0, $"0x{address:x} and {pages.Length} bytes are not whole pages");
        for (; !pages.IsEmpty; pages = pages[PageSize..], address += PageSize)
        {
            if (!_places.TryGetValue(address, out int place))
            {
                place = NewPlace();
                _places.Add(address, place);
            }

            pages[..PageSize].CopyTo(PageAt(place));
        }
    }

    /// <inheritdoc/>
    public void Discard(AddressRange pages)
    {
        Assert.Null(_state);
        Assert.True(pages.IsAligned(PageSize), $"{pages} is not whole pages");
        if (pages.Length / PageSize > (ulong)_places.Count)
        {
            // A range can be far larger than what is kept of it.
            foreach (ulong address in _places.Keys.Where(pages.Contains).ToArray())
            {
                Forget(address);
            }

            return;
        }

        for (ulong address = pages.Start; address < pages.End; address += PageSize)
        {
            Forget(address);
        }
    }

    /// <inheritdoc/>
    public void Complete(ProcessState state)
    {
        Assert.Null(_state);
        _state = state;
        _regions = [.. state.Regions];
        for (int index = 1; index < _regions.Length; index++)
        {
            Assert.True(_regions[index - 1].Mapping.Range.End <= _regions[index].Mapping.Range.Start, "the regions are not in order");
        }

        foreach (ulong address in _places.Keys.Where(address => Find(address) is not { Content: not RegionContent.None }).ToArray())
        {
            Forget(address);
        }
    }

    /// <inheritdoc/>
    public IEnumerable<SnapshotRun> GetRuns(AddressRange range)
    {
        SnapshotRun? run = null;
        for (ulong address = range.Start; address < range.End; address += PageSize)
        {
            SnapshotPageKind kind = KindOf(address);
            if (run is { } open && open.Kind == kind)
            {
                run = new SnapshotRun(AddressRange.FromBounds(open.Range.Start, address + PageSize), kind);
                continue;
            }

            if (run is { } ended)
            {
                yield return ended;
            }

            run = new SnapshotRun(new AddressRange(address, PageSize), kind);
        }

        if (run is { } last)
        {
            yield return last;
        }
    }

    /// <inheritdoc/>
    public void Read(ulong address, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            ulong page = address & ~(ulong)(PageSize - 1);
            int offset = (int)(address - page);
            int length = Math.Min(destination.Length, PageSize - offset);
            if (_places.TryGetValue(page, out int place))
            {
                PageAt(place).Slice(offset, length).CopyTo(destination);
            }
            else if (KindOf(page) == SnapshotPageKind.Zero)
            {
                destination[..length].Clear();
            }
            else
            {
                throw new EndOfStreamException($"the snapshot does not have 0x{page:x}");
            }

            destination = destination[length..];
            address += (ulong)length;
        }
    }

    /// <summary>The addresses of the pages that it has with another content than another snapshot has.</summary>
    /// <param name="other">The other.</param>
    public IEnumerable<ulong> Differences(MemorySnapshot other)
        => _places.Where(place => other._places.TryGetValue(place.Key, out int theirs) && !other.PageAt(theirs).SequenceEqual(PageAt(place.Value)))
            .Select(place => place.Key);

    /// <summary>The same, but for one page that is taken from another snapshot.</summary>
    /// <param name="other">The other.</param>
    /// <param name="page">The page's address.</param>
    public MemorySnapshot WithPageOf(MemorySnapshot other, ulong page)
    {
        var mixed = new MemorySnapshot();
        foreach ((ulong address, int place) in _places)
        {
            mixed.Write(address, address == page ? other.PageAt(other._places[page]) : PageAt(place));
        }

        mixed.Complete(State);
        return mixed;
    }

    /// <inheritdoc cref="ISnapshot" />
    public void Dispose()
    {
    }

    private SnapshotPageKind KindOf(ulong page)
        => _places.ContainsKey(page)
            ? SnapshotPageKind.Stored
            : Find(page)?.Content switch
            {
                RegionContent.Whole => SnapshotPageKind.Zero,
                RegionContent.Changed => SnapshotPageKind.File,
                _ => SnapshotPageKind.Absent,
            };

    private SnapshotRegion? Find(ulong address)
    {
        int low = 0;
        int high = _regions.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_regions[middle].Mapping.Range.End <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low < _regions.Length && _regions[low].Mapping.Range.Contains(address) ? _regions[low] : null;
    }

    private int NewPlace()
    {
        if (_free.TryPop(out int place))
        {
            return place;
        }

        if (_used % PagesPerSlab == 0)
        {
            _slabs.Add(GC.AllocateUninitializedArray<byte>(PagesPerSlab * PageSize));
        }

        return _used++;
    }

    private Span<byte> PageAt(int place) => _slabs[place / PagesPerSlab].AsSpan(place % PagesPerSlab * PageSize, PageSize);

    private void Forget(ulong address)
    {
        if (_places.Remove(address, out int place))
        {
            _free.Push(place);
        }
    }
}
