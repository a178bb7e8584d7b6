using Uffd.Paging;

namespace Uffd.Snapshots;

/// <summary>
/// Reads a snapshot, an image or an ELF core, told apart by its first bytes. As a page source it is its regions' content, one behind the other in order of
/// address: <see cref="OffsetOf"/> says where an address lies in it, so that a snapshot can be served lazily. Regions of which nothing is kept are not in it. Unchanged pages of
/// mapped files are, and are told to be lost (<see cref="SourceRunKind.Poisoned"/>): the snapshot does not hold them, and zeros would be wrong.
/// </summary>
public sealed class SnapshotReader : IPageSource
{
    // How far ahead a run is looked for: an answer is quick, and it may be short.
    private const ulong LongestRun = 64 << 20;

    private readonly ISnapshot _snapshot;
    private readonly AddressRange[] _regions;
    private readonly ulong[] _starts;
    private readonly ulong[] _offsets;

    /// <summary>Reads a snapshot that is open.</summary>
    /// <param name="snapshot">Owned from now on.</param>
    public SnapshotReader(ISnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        _snapshot = snapshot;
        _regions = [.. snapshot.State.Regions.Where(region => region.Content != RegionContent.None).Select(region => region.Mapping.Range)];
        _starts = [.. _regions.Select(region => region.Start)];
        _offsets = new ulong[_regions.Length];
        for (int index = 0; index < _regions.Length; index++)
        {
            _offsets[index] = Length;
            Length += _regions[index].Length;
        }
    }

    /// <summary>The snapshot itself.</summary>
    public ISnapshot Snapshot => _snapshot;

    /// <inheritdoc/>
    public ulong Length { get; }

    /// <summary>Opens a snapshot.</summary>
    /// <param name="path">An image or a core.</param>
    /// <exception cref="InvalidDataException">It is neither, or damaged.</exception>
    /// <exception cref="FileNotFoundException">It, or its parent, is not there.</exception>
    /// <exception cref="IOException">It is no regular file, or cannot be read.</exception>
    public static SnapshotReader Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Span<byte> begin = stackalloc byte[sizeof(ulong)];
        using (var file = new ImageFile(path, RegularFile.OpenRead(path)))
        {
            begin = begin[..file.ReadUpTo(0, begin)];
        }

        return new SnapshotReader(
            ImageHeader.IsOne(begin) ? SnapshotImage.Open(path)
            : begin.StartsWith("\u007fELF"u8) ? ElfCore.Open(path)
            : throw new InvalidDataException($"{path} is no snapshot: neither an image nor an ELF core file"));
    }

    /// <summary>Where an address lies in this source.</summary>
    /// <param name="address">An address.</param>
    /// <returns>The offset, or null where the snapshot does not have it.</returns>
    public ulong? OffsetOf(ulong address)
    {
        int index = LastAtMost(_starts, address);
        return index >= 0 && _regions[index].Contains(address) ? _offsets[index] + (address - _regions[index].Start) : null;
    }

    /// <summary>Which address lies at an offset of this source.</summary>
    /// <param name="offset">Below <see cref="Length"/>.</param>
    public ulong AddressOf(ulong offset)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(offset, Length);
        int index = RegionAt(offset);
        return _regions[index].Start + (offset - _offsets[index]);
    }

    /// <summary>What is known of the bytes at an offset. Of an image, a part of the index may be read for it.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="length">How many bytes are of interest.</param>
    public SourceRun GetRun(ulong offset, ulong length)
    {
        if (offset >= Length || length == 0)
        {
            return new SourceRun(length, SourceRunKind.Hole);
        }

        int index = RegionAt(offset);
        ulong address = _regions[index].Start + (offset - _offsets[index]);
        ulong page = (ulong)_snapshot.State.PageSize;
        ulong first = address - (address % page);
        ulong end = first + Math.Min(_regions[index].End - first, (address - first + Math.Min(length, LongestRun) + page - 1) / page * page);
        try
        {
            foreach (SnapshotRun run in _snapshot.GetRuns(AddressRange.FromBounds(first, end)))
            {
                return new SourceRun(Math.Min(length, run.Range.End - address), run.Kind switch
                {
                    SnapshotPageKind.Zero => SourceRunKind.Zero,
                    SnapshotPageKind.Stored or SnapshotPageKind.Parent => SourceRunKind.Data,
                    _ => SourceRunKind.Poisoned,
                });
            }
        }
        catch (IOException)
        {
            // What is wrong is told by the read.
        }
        catch (InvalidDataException)
        {
            // As above.
        }

        return new SourceRun(Math.Min(length, page - (address - first)), SourceRunKind.Data);
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> destination)
    {
        while (!destination.IsEmpty && offset < Length)
        {
            int index = RegionAt(offset);
            ulong within = offset - _offsets[index];
            int length = (int)Math.Min((ulong)destination.Length, _regions[index].Length - within);
            try
            {
                _snapshot.Read(_regions[index].Start + within, destination[..length]);
            }
            catch (InvalidDataException exception)
            {
                throw new IOException(exception.Message, exception); // which is what a source says of what it cannot bring
            }

            destination = destination[length..];
            offset += (ulong)length;
        }

        destination.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => _snapshot.Dispose();

    private int RegionAt(ulong offset) => LastAtMost(_offsets, offset);

    private static int LastAtMost(ulong[] sorted, ulong value)
    {
        int found = Array.BinarySearch(sorted, value);
        return found >= 0 ? found : ~found - 1;
    }
}
