namespace Uffd.Snapshots;

/// <summary>Reads an image: docs/snapshot-image.md. All members may be called from several threads at once.</summary>
public sealed class SnapshotImage : ISnapshot
{
    private readonly ImageFile _file;
    private readonly ImageHeader _header;
    private readonly RegionTable _regions;
    private readonly PageIndex _index;
    private readonly BlockCache _blocks;
    private readonly ImageRuns _runs;
    private readonly SnapshotImage? _parent;
    private readonly ImageCompressors _compressors;

    private SnapshotImage(ImageFile file, in ImageHeader header, ProcessState state, SnapshotImage? parent, ImageCompressors compressors)
    {
        (_file, _header, State, _parent, _compressors) = (file, header, state, parent, compressors);
        Parents = parent is null ? [] : [parent.FilePath, .. parent.Parents];
        _regions = new RegionTable(state.Regions);
        _index = new PageIndex(file, header);
        _blocks = new BlockCache(file, header.PageSize, compressors.Get);
        _runs = new ImageRuns(_index, _regions, (ulong)header.PageSize);
    }

    /// <inheritdoc/>
    public string Format => "image";

    /// <inheritdoc/>
    public ProcessState State { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Parents { get; }

    /// <summary>The image's own path, in full.</summary>
    public string FilePath => _file.Path;

    /// <summary>The number by which its children know it: random, and of no other image.</summary>
    public UInt128 Identity => _header.Identity;

    /// <summary>Bytes of the file.</summary>
    public ulong FileBytes => _header.FileLength;

    /// <summary>Pages that are stored in this file.</summary>
    public ulong StoredPages => _header.StoredPages;

    /// <summary>Pages that are the parent's.</summary>
    public ulong ParentPages => _header.ParentPages;

    /// <summary>How often the file was read, for tests.</summary>
    internal long Reads => _file.Reads;

    internal int PageSize => _header.PageSize;

    /// <summary>Whether a file begins as an image does.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static bool IsImage(string path)
    {
        using var file = new ImageFile(path, RegularFile.OpenRead(path));
        Span<byte> begin = stackalloc byte[sizeof(ulong)];
        return ImageHeader.IsOne(begin[..file.ReadUpTo(0, begin)]);
    }

    /// <summary>Opens an image and its parents.</summary>
    /// <param name="path">Its path.</param>
    /// <exception cref="InvalidDataException">It is not an image, damaged, of a later version, or its parent is another than that it was written against.</exception>
    /// <exception cref="FileNotFoundException">It or a parent is not there.</exception>
    public static SnapshotImage Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Open(path, []);
    }

    /// <inheritdoc/>
    public IEnumerable<SnapshotRun> GetRuns(AddressRange range)
    {
        return range.IsAligned((ulong)PageSize) ? _runs.In(range) : throw new ArgumentException($"{range} are no whole pages of {PageSize} bytes", nameof(range));
    }

    /// <inheritdoc/>
    public void Read(ulong address, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            SnapshotRegion region = _regions.Find(address) ?? throw new EndOfStreamException($"the image {FilePath} has nothing at 0x{address:x}: no mapping was there");
            int length = (int)Math.Min((ulong)destination.Length, region.Mapping.Range.End - address);
            Read(region, address, destination[..length]);
            destination = destination[length..];
            address = unchecked(address + (ulong)length);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        _parent?.Dispose();
        _compressors.Dispose();
    }

    /// <summary>Whether the image, or a parent, has a page with this content: its checksum is looked for first, and then all of it is compared.</summary>
    /// <exception cref="InvalidDataException">The page is damaged.</exception>
    internal bool Has(ulong page, uint checksum, ReadOnlySpan<byte> content)
    {
        SnapshotImage? image = this;
        PageKind kind = image.Find(page, out PageRecord record);
        while (kind == PageKind.Parent && image._parent is { } parent)
        {
            image = parent;
            kind = image.Find(page, out record);
        }

        return kind == PageKind.Stored && record.Checksum == checksum && image._blocks.Has(record, page * (ulong)PageSize, content);
    }

    private static SnapshotImage Open(string path, HashSet<UInt128> chain)
    {
        string full = Path.GetFullPath(path);
        var file = new ImageFile(full, RegularFile.OpenRead(full));
        SnapshotImage? parent = null;
        var compressors = new ImageCompressors();
        try
        {
            Span<byte> begin = stackalloc byte[ImageHeader.Length];
            var header = ImageHeader.Decode(begin[..file.ReadUpTo(0, begin)], file.Length);
            (ProcessState state, string parentPath) = StateFormat.Decode(StateBlock.Read(file, header.StateOffset, header.StateLength, compressors.Get).Span);
            if (state.PageSize != header.PageSize || state.Regions.Any(region => !region.Mapping.Range.IsAligned((ulong)state.PageSize)))
            {
                throw new InvalidDataException("its header and its process's state are of different page sizes");
            }

            if (!chain.Add(header.Identity) || chain.Count > ImageFormat.MaxChain)
            {
                throw new InvalidDataException(chain.Count > ImageFormat.MaxChain ? $"its chain has more than {ImageFormat.MaxChain} images" : "it is its own ancestor");
            }

            if (header.ParentIdentity != 0)
            {
                parent = OpenParent(full, parentPath, header, chain);
            }

            return new SnapshotImage(file, header, state, parent, compressors);
        }
        catch (Exception exception)
        {
            file.Dispose();
            parent?.Dispose();
            compressors.Dispose();
            if (exception is InvalidDataException && !exception.Message.Contains(full, StringComparison.Ordinal))
            {
                throw new InvalidDataException($"the image {full} cannot be used: {exception.Message}", exception);
            }

            throw;
        }
    }

    private static SnapshotImage OpenParent(string path, string parentPath, in ImageHeader header, HashSet<UInt128> chain)
    {
        if (parentPath.Length == 0 || parentPath.Contains('\0', StringComparison.Ordinal))
        {
            throw new InvalidDataException("it has a parent without a path");
        }

        string folder = Path.GetDirectoryName(new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path) ?? "/";
        string full = Path.GetFullPath(parentPath, folder);
        SnapshotImage parent;
        try
        {
            parent = Open(full, chain);
        }
        catch (FileNotFoundException exception)
        {
            throw new FileNotFoundException($"the parent {full} of the image {path} is not there: bring it back to where it was, without it the image is not whole", full, exception);
        }

        if (parent._header.Identity == header.ParentIdentity && parent.PageSize == header.PageSize)
        {
            return parent;
        }

        parent.Dispose();
        throw new InvalidDataException($"the parent {full} is another image than that which {path} was written against: bring that back to its place");
    }

    private PageKind Find(ulong page, out PageRecord record)
    {
        record = default;
        IndexNode? leaf = _index.FindLeaf(page / ImageFormat.LeafPages, out _);
        int at = (int)(page % ImageFormat.LeafPages);
        PageKind kind = leaf?.Kind(at) ?? PageKind.None;
        if (kind == PageKind.Stored)
        {
            record = leaf!.Record(at, _header);
        }

        return kind;
    }

    private void Read(SnapshotRegion region, ulong address, Span<byte> destination)
    {
        if (region.Content == RegionContent.None)
        {
            throw new EndOfStreamException($"the image {FilePath} does not hold 0x{address:x}: the mapping was left out");
        }

        while (!destination.IsEmpty)
        {
            ulong page = address / (ulong)PageSize;
            int offset = (int)(address % (ulong)PageSize);
            int length = Math.Min(destination.Length, PageSize - offset);
            PageKind kind = Find(page, out PageRecord record);
            if (kind == PageKind.None && region.Content == RegionContent.Changed)
            {
                throw new EndOfStreamException($"the image {FilePath} does not hold 0x{address:x}: it is an unchanged page of {region.Mapping.Name}");
            }

            if (kind is PageKind.None or PageKind.Zero)
            {
                destination[..length].Clear();
            }
            else
            {
                ReadStored(kind, record, page, offset, destination[..length]);
            }

            destination = destination[length..];
            address = unchecked(address + (ulong)length);
        }
    }

    private void ReadStored(PageKind kind, PageRecord record, ulong page, int offset, Span<byte> destination)
    {
        SnapshotImage image = this;
        while (kind == PageKind.Parent && image._parent is { } parent)
        {
            image = parent;
            kind = image.Find(page, out record);
        }

        if (kind != PageKind.Stored)
        {
            throw new InvalidDataException($"the image {FilePath} is damaged: the page at 0x{page * (ulong)PageSize:x} should be in {image.FilePath}, and is not");
        }

        image._blocks.Read(record, page * (ulong)PageSize, offset, destination);
    }
}
