using System.Buffers.Binary;
using System.Security.Cryptography;
using Uffd.Paging;

namespace Uffd.Snapshots;

/// <summary>
/// Writes a snapshot as an image: docs/snapshot-image.md. Pages are handed to threads that compress and write them; <see cref="Write"/> waits only
/// where more than 12 MiB are on their way.
/// </summary>
public sealed class SnapshotImageWriter : ISnapshotSink
{
    private readonly PendingFile _file;
    private readonly SnapshotImageOptions _options;
    private readonly SnapshotImage? _parent;
    private readonly CompressorPool? _compressors;
    private readonly BlockPipeline _blocks;
    private readonly int _pageSize = Environment.SystemPageSize;
    private long _completed;
    private bool _ended;

    private SnapshotImageWriter(PendingFile file, SnapshotImageOptions options, SnapshotImage? parent)
    {
        (_file, _options, _parent) = (file, options, parent);
        _compressors = options.Raw ? null : MakeCompressors(options.CompressionLevel);
        _blocks = new BlockPipeline(file, parent, _compressors, options, _pageSize);
        Span<byte> identity = stackalloc byte[16];
        do
        {
            RandomNumberGenerator.Fill(identity);
            Identity = BinaryPrimitives.ReadUInt128LittleEndian(identity);
        }
        while (Identity == 0); // which says that there is none
    }

    /// <inheritdoc/>
    public long StoredBytes => _completed > 0 ? _completed : (long)_blocks.FileBytes;

    /// <summary>Whether pages are compressed: not where libzstd is missing.</summary>
    public bool IsCompressed => _compressors is not null;

    /// <summary>The number by which its children will know it.</summary>
    public UInt128 Identity { get; }

    /// <summary>
    /// Pages in the file that do not count any more, for they were written again or discarded, and whose room was not used again: a block's room is, once none of its
    /// pages counts.
    /// </summary>
    public long SupersededPages => _blocks.SupersededPages;

    /// <summary>Begins an image. It is written beside its name and gets it in the end; mode 0600.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="IOException">The file or the parent cannot be opened, or the image would replace one of its ancestors.</exception>
    /// <exception cref="InvalidDataException">The parent is no image, or damaged.</exception>
    public static SnapshotImageWriter Create(string path, SnapshotImageOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new SnapshotImageOptions();
        SnapshotImage? parent = options.Parent is null ? null : SnapshotImage.Open(options.Parent);
        PendingFile? file = null;
        try
        {
            file = PendingFile.Create(path, options.Named);
            RequireChild(file, parent);
            return new SnapshotImageWriter(file, options, parent);
        }
        catch
        {
            file?.Dispose();
            parent?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Write(ulong address, ReadOnlySpan<byte> pages)
    {
        ObjectDisposedException.ThrowIf(_ended, this);
        if (address % (ulong)_pageSize != 0 || pages.Length % _pageSize != 0 || (ulong)pages.Length > ulong.MaxValue - address)
        {
            throw new ArgumentException($"{pages.Length} bytes at 0x{address:x} are no whole pages of {_pageSize} bytes", nameof(address));
        }

        for (ulong page = address / (ulong)_pageSize; !pages.IsEmpty; page++)
        {
            _blocks.Add(page, pages[.._pageSize]);
            pages = pages[_pageSize..];
        }
    }

    /// <inheritdoc/>
    public void Discard(AddressRange pages)
    {
        ObjectDisposedException.ThrowIf(_ended, this);
        if (!pages.IsAligned((ulong)_pageSize))
        {
            throw new ArgumentException($"{pages} are no whole pages of {_pageSize} bytes", nameof(pages));
        }

        _blocks.Discard(pages.Start / (ulong)_pageSize, pages.End / (ulong)_pageSize);
    }

    /// <inheritdoc/>
    public void Complete(ProcessState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        ObjectDisposedException.ThrowIf(_ended, this);
        RequireState(state);
        _blocks.Drain();
        var ending = new ImageEnding(_file, _blocks.Pages, _blocks.Blocks, _pageSize)
        {
            Identity = Identity,
            ParentIdentity = _parent?.Identity ?? 0,
            ParentPath = _parent is null ? "" : PathFrom(_file.Path, _parent.FilePath),
        };
        try
        {
            ulong length = ending.Write(state, _compressors);
            RandomAccess.SetLength(_file.Handle, (long)length); // room that was given back may have been written behind it
            _file.Publish(_options.Durable);
            _completed = (long)length;
        }
        catch (UffdException exception)
        {
            throw ImageOutput.Failure(_file.Path, exception);
        }

        Dispose();
    }

    /// <summary>Ends it. Without <see cref="Complete"/> nothing of it is left.</summary>
    public void Dispose()
    {
        if (!_ended)
        {
            _ended = true;
            _blocks.Dispose();
            _compressors?.Dispose();
            _parent?.Dispose();
            _file.Dispose();
        }
    }

    /// <summary>How the parent is found from the image: by a path that holds also when both are moved together, where it lies in or below its folder.</summary>
    internal static string PathFrom(string image, string parent)
    {
        string relative = Path.GetRelativePath(Path.GetDirectoryName(image) ?? "/", parent);
        return relative.StartsWith("..", StringComparison.Ordinal) ? parent : relative;
    }

    private static CompressorPool? MakeCompressors(int level)
    {
        try
        {
            return CompressorPool.For(CompressionAlgorithm.Zstd, level);
        }
        catch (UffdException exception) when (exception.IsUnavailable)
        {
            return null; // stored as they are: larger, and no less right
        }
    }

    private static void RequireChild(PendingFile file, SnapshotImage? parent)
    {
        if (parent is null)
        {
            return;
        }

        if (parent.Parents.Count + 1 >= ImageFormat.MaxChain)
        {
            throw new IOException($"the image {file.Path} cannot be written: a chain has at most {ImageFormat.MaxChain} images; write a full one, without a parent");
        }

        foreach (string ancestor in (string[])[parent.FilePath, .. parent.Parents])
        {
            if (string.Equals(new FileInfo(ancestor).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? ancestor, file.Path, StringComparison.Ordinal))
            {
                throw new IOException($"the image {file.Path} cannot be written: it would replace its own parent; give it another name");
            }
        }
    }

    private void RequireState(ProcessState state)
    {
        if (state.PageSize != _pageSize || (_parent is not null && _parent.PageSize != _pageSize))
        {
            throw new ArgumentException($"the process, or the parent, has pages of another size than {_pageSize} bytes", nameof(state));
        }

        ulong end = 0;
        foreach (SnapshotRegion region in state.Regions)
        {
            AddressRange range = region.Mapping.Range;
            if (range.Start < end || range.IsEmpty || !range.IsAligned((ulong)_pageSize))
            {
                throw new ArgumentException($"the mappings of a state are whole pages in order of address, and {range} is not", nameof(state));
            }

            end = range.End;
        }
    }
}
