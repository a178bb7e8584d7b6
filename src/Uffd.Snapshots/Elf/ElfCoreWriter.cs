namespace Uffd.Snapshots;

/// <summary>
/// Writes a snapshot as an ELF core file (core(5), elf(5)), as the kernel would: docs/core-files.md. Pages go where they are to stay as they arrive, zeros
/// are holes, and the headers are written in the end.
/// </summary>
public sealed class ElfCoreWriter : ISnapshotSink
{
    private readonly CoreOutput _file;
    private readonly bool _durable;
    private readonly int _pageSize;
    private readonly CoreAreas _areas = new(CoreTables.Reserved);
    private long _storedBytes;
    private bool _ended; // completed, or failed

    private ElfCoreWriter(CoreOutput file, SnapshotFileOptions options, int pageSize)
    {
        _file = file;
        _durable = options.Durable;
        _pageSize = pageSize;
    }

    /// <inheritdoc/>
    public long StoredBytes => Volatile.Read(ref _storedBytes);

    /// <summary>Begins a core file. It is written without a name and gets it in the end; mode 0600.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="IOException">No file can be made there.</exception>
    public static ElfCoreWriter Create(string path, SnapshotFileOptions? options = null) => Create(path, options, Environment.SystemPageSize);

    internal static ElfCoreWriter Create(string path, SnapshotFileOptions? options, int pageSize)
        => new(CoreOutput.Create(path), options ?? new SnapshotFileOptions(), pageSize);

    /// <inheritdoc/>
    public void Expect(AddressRange region)
    {
        ThrowIfEnded();
        ThrowIfOutside(region);
        _areas.Expect(region);
    }

    /// <inheritdoc/>
    public void Write(ulong address, ReadOnlySpan<byte> pages)
    {
        ThrowIfEnded();
        ThrowIfOutside(new AddressRange(address, (ulong)pages.Length));
        try
        {
            while (!pages.IsEmpty)
            {
                CoreArea area = _areas.FindOrAdd(address, (ulong)pages.Length);
                int length = (int)Math.Min((ulong)pages.Length, area.End - address);
                WriteInto(area, address, pages[..length]);
                pages = pages[length..];
                address += (ulong)length;
            }
        }
        catch
        {
            _ended = true; // what is in the file is not what it should be
            throw;
        }
    }

    /// <inheritdoc/>
    public void Discard(AddressRange pages)
    {
        ThrowIfEnded();
        if (!pages.IsAligned((ulong)_pageSize))
        {
            throw new ArgumentException($"{pages} are not whole pages of {_pageSize} bytes", nameof(pages));
        }

        try
        {
            Forget(pages);
        }
        catch
        {
            _ended = true;
            throw;
        }
    }

    /// <inheritdoc/>
    public void Complete(ProcessState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        ThrowIfEnded();
        ThrowIfUnordered(state);
        _ended = true;
        foreach (SnapshotRegion region in state.Regions.Where(region => region.Content == RegionContent.Whole))
        {
            if (!_areas.Expect(region.Mapping.Range))
            {
                _areas.FindOrAdd(region.Mapping.Range.Start, (ulong)_pageSize); // with something of it in the file, what is not there is zeros, and not left out
            }
        }

        ForgetAllBut(state.Regions.Where(region => region.Content != RegionContent.None).Select(region => region.Mapping.Range));
        List<CoreSegment> segments = CoreSegments.Build(state.Regions, _areas, (ulong)_pageSize);
        ulong contentEnd = segments.Aggregate(CoreTables.Reserved, (end, segment) => Math.Max(end, segment.FileLength == 0 ? 0 : segment.Offset + segment.FileLength));
        (byte[] header, byte[] tables, ulong offset) = CoreTables.Make(state, segments, contentEnd);
        _file.SetLength(contentEnd); // also drops places that were never used
        _file.Write(offset, tables);
        _file.Write(0, header);
        Volatile.Write(ref _storedBytes, _storedBytes + header.Length + tables.Length);
        _file.Publish(_durable);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ended = true;
        _file.Dispose();
    }

    private void WriteInto(CoreArea area, ulong address, ReadOnlySpan<byte> pages)
    {
        long first = (long)((address - area.Start) / (ulong)_pageSize);
        int count = pages.Length / _pageSize;
        area.Taken.Set(first, count);
        for (int page = 0; page < count;)
        {
            bool zeros = IsZero(pages, page);
            int behind = page + 1;
            while (behind < count && IsZero(pages, behind) == zeros)
            {
                behind++;
            }

            if (zeros)
            {
                Clear(area, first + page, behind - page);
            }
            else
            {
                _file.Write(area.Offset + ((ulong)(first + page) * (ulong)_pageSize), pages[(page * _pageSize)..(behind * _pageSize)]);
                Volatile.Write(ref _storedBytes, _storedBytes + (area.Data.Set(first + page, behind - page) * _pageSize));
            }

            page = behind;
        }
    }

    private bool IsZero(ReadOnlySpan<byte> pages, int page) => !pages.Slice(page * _pageSize, _pageSize).ContainsAnyExcept((byte)0);

    /// <summary>Makes holes of those pages that the file has bytes for.</summary>
    private void Clear(CoreArea area, long first, long count)
    {
        long end = first + count;
        for (long page = area.Data.NextSet(first, end); page < end;)
        {
            long behind = area.Data.NextClear(page, end);
            _file.Clear(area.Offset + ((ulong)page * (ulong)_pageSize), (ulong)(behind - page) * (ulong)_pageSize);
            Volatile.Write(ref _storedBytes, _storedBytes - (area.Data.Clear(page, behind - page) * _pageSize));
            page = area.Data.NextSet(behind, end);
        }
    }

    private void Forget(AddressRange pages)
    {
        foreach (CoreArea area in _areas.In(pages))
        {
            AddressRange part = pages.Intersect(new AddressRange(area.Start, area.Length));
            long first = (long)((part.Start - area.Start) / (ulong)_pageSize);
            long count = (long)(part.Length / (ulong)_pageSize);
            Clear(area, first, count);
            area.Taken.Clear(first, count);
        }
    }

    /// <summary>What lies outside of the regions must not be in the file either: who looks at it finds what the snapshot tells, and no more.</summary>
    private void ForgetAllBut(IEnumerable<AddressRange> kept)
    {
        ulong address = 0;
        foreach (AddressRange range in kept)
        {
            Forget(AddressRange.FromBounds(address, range.Start));
            address = range.End;
        }

        Forget(AddressRange.FromBounds(address, CoreAreas.AddressLimit));
    }

    private void ThrowIfEnded()
    {
        if (_ended)
        {
            throw new InvalidOperationException($"the core {_file.Path} was completed, disposed, or failed before");
        }
    }

    private void ThrowIfOutside(AddressRange range)
    {
        if (!range.IsAligned((ulong)_pageSize) || range.End > CoreAreas.AddressLimit)
        {
            throw new ArgumentException($"{range} are not whole pages of {_pageSize} bytes of a process", nameof(range));
        }
    }

    private void ThrowIfUnordered(ProcessState state)
    {
        if (state.PageSize != _pageSize)
        {
            throw new ArgumentException($"the process has pages of {state.PageSize} bytes, and they were written as {_pageSize}", nameof(state));
        }

        ulong end = 0;
        foreach (SnapshotRegion region in state.Regions)
        {
            AddressRange range = region.Mapping.Range;
            ThrowIfOutside(range);
            if (range.Start < end || range.IsEmpty)
            {
                throw new ArgumentException($"the mapping {range} is empty, or not behind the one before it", nameof(state));
            }

            end = range.End;
        }
    }
}
