namespace Uffd.Snapshots;

/// <summary>
/// Reads an ELF core file, one of this library or of the kernel or gcore: docs/core-files.md. A core has no checksums: that it is whole is checked, and that
/// its pages are those that were written is not.
/// </summary>
public sealed class ElfCore : ISnapshot
{
    private readonly CoreFile _file;
    private readonly IReadOnlyList<CoreSegment> _loads;
    private readonly SortedRegions _regions;
    private readonly Lazy<IReadOnlyList<FileExtent>> _data;

    private ElfCore(CoreFile file)
    {
        _file = file;
        CoreHeaders headers = CoreHeaders.Read(file);
        CoreNoteContent notes = CoreNoteReader.Read(file, headers);
        _loads = headers.Loads;
        State = notes.Process with { Regions = CoreRegions.Build(_loads, notes) };
        _regions = new SortedRegions(State.Regions);
        _data = new Lazy<IReadOnlyList<FileExtent>>(() => SparseFile.GetDataExtents(file.Handle, file.Length));
    }

    /// <inheritdoc/>
    public string Format => "core";

    /// <inheritdoc/>
    public ProcessState State { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Parents => [];

    /// <summary>Opens a core file.</summary>
    /// <param name="path">Its path.</param>
    /// <exception cref="InvalidDataException">It is not a core file, or cut.</exception>
    public static ElfCore Open(string path)
    {
        CoreFile file = CoreFile.Open(path);
        try
        {
            return new ElfCore(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public IEnumerable<SnapshotRun> GetRuns(AddressRange range)
    {
        SnapshotRun pending = new(new AddressRange(range.Start, 0), SnapshotPageKind.Absent);
        foreach (SnapshotRun run in GetPieces(range))
        {
            if (run.Kind == pending.Kind)
            {
                pending = pending with { Range = AddressRange.FromBounds(pending.Range.Start, run.Range.End) };
                continue;
            }

            if (!pending.Range.IsEmpty)
            {
                yield return pending;
            }

            pending = run;
        }

        if (!pending.Range.IsEmpty)
        {
            yield return pending;
        }
    }

    /// <inheritdoc/>
    public void Read(ulong address, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int index = IndexOf(address);
            if (index == _loads.Count || _loads[index].Start > address)
            {
                throw new EndOfStreamException($"{_file.Path} does not have the address {address:x}");
            }

            CoreSegment load = _loads[index];
            ulong into = address - load.Start;
            int length;
            if (into < load.FileLength)
            {
                length = (int)Math.Min((ulong)destination.Length, load.FileLength - into);
                _file.Read(load.Offset + into, destination[..length]);
            }
            else if (KindBehindFile(load) == SnapshotPageKind.Zero)
            {
                length = (int)Math.Min((ulong)destination.Length, load.Length - into);
                destination[..length].Clear();
            }
            else
            {
                throw new EndOfStreamException(
                    $"{_file.Path} does not hold the page at {address:x}: {(_regions.Find(address)?.Mapping.Name is { Length: > 0 } name ? $"it is that of {name}" : "it was left out")}");
            }

            destination = destination[length..];
            address += (ulong)length;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private IEnumerable<SnapshotRun> GetPieces(AddressRange range)
    {
        ulong address = range.Start;
        for (int index = IndexOf(address); index < _loads.Count && _loads[index].Start < range.End; index++)
        {
            CoreSegment load = _loads[index];
            if (load.Start > address)
            {
                yield return new SnapshotRun(AddressRange.FromBounds(address, load.Start), SnapshotPageKind.Absent);
            }

            AddressRange held = range.Intersect(new AddressRange(load.Start, load.FileLength));
            foreach (SnapshotRun run in CoreHoles.Split(held, load, _data.Value, (ulong)State.PageSize))
            {
                yield return run;
            }

            AddressRange rest = range.Intersect(AddressRange.FromBounds(load.Start + load.FileLength, load.End));
            if (!rest.IsEmpty)
            {
                yield return new SnapshotRun(rest, KindBehindFile(load));
            }

            address = Math.Min(load.End, range.End);
        }

        if (address < range.End)
        {
            yield return new SnapshotRun(AddressRange.FromBounds(address, range.End), SnapshotPageKind.Absent);
        }
    }

    /// <summary>
    /// What the pages are that a segment has in memory and not in the file: of a mapped file those of the file; of other memory nothing is known where the
    /// file has none of it, and zeros follow where it has some (elf(5), p_filesz).
    /// </summary>
    private SnapshotPageKind KindBehindFile(CoreSegment load) => _regions.Find(load.Start)?.Content switch
    {
        RegionContent.Changed => SnapshotPageKind.File,
        RegionContent.Whole => SnapshotPageKind.Zero,
        _ => SnapshotPageKind.Absent,
    };

    /// <summary>The index of the first segment that ends behind an address.</summary>
    private int IndexOf(ulong address)
    {
        int low = 0;
        int high = _loads.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_loads[middle].End <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
