using Microsoft.Win32.SafeHandles;

namespace Uffd.Paging;

/// <summary>
/// Pages of a file. It is mapped, so that single pages are copied straight from the page cache, and read where a mapping
/// cannot serve. Holes of a sparse file are known to be zeros. The file must not change while it is served; one that is cut
/// short or cannot be read answers with an error, never with zeros, and never ends the process.
/// </summary>
public sealed class FilePageSource : IPageSource
{
    private readonly SafeFileHandle _file;
    private readonly MemoryMapping? _mapping;
    private readonly FileExtent[] _data; // sorted; what lies between is a hole

    private FilePageSource(SafeFileHandle file, string path, ulong length, IReadOnlyList<FileExtent> data)
    {
        _file = file;
        Path = path;
        Length = length;
        _data = [.. data];
        _mapping = TryMap(file, length);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public ulong Length { get; }

    /// <summary>Bytes that are not holes.</summary>
    public ulong DataBytes => _data.Aggregate(0UL, (sum, extent) => sum + extent.Length);

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">It is missing, a folder, empty, a pipe, or cannot be read. The message says which.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static FilePageSource Open(string path) => Open(path, static (file, length) => SparseFile.GetDataExtents(file, length));

    /// <summary>
    /// Opens a file whose holes mean that it has nothing there: a layer of a <see cref="LayeredPageSource"/>. They are found exactly,
    /// or it fails; a hole that was taken for data would hide with zeros what is below it.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">As of <see cref="Open(string)"/>, or its holes cannot be found.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static FilePageSource OpenDiff(string path) => Open(path, (file, length) =>
    {
        try
        {
            return SparseFile.FindDataExtents(file, length);
        }
        catch (UffdException exception)
        {
            throw new IOException($"the holes of {path} cannot be found: {exception.Message}", exception);
        }
    });

    /// <inheritdoc/>
    public SourceRun GetRun(ulong offset, ulong length)
    {
        if (_data.Length == 1 && _data[0].Length == Length)
        {
            return new SourceRun(length, SourceRunKind.Data); // no holes: the common case
        }

        int next = Bisection.First(_data.Length, new EndsAfter(_data, offset));
        if (next == _data.Length)
        {
            return new SourceRun(length, SourceRunKind.Hole);
        }

        FileExtent extent = _data[next];
        return extent.Offset > offset
            ? new SourceRun(Math.Min(length, extent.Offset - offset), SourceRunKind.Hole)
            : new SourceRun(Math.Min(length, extent.End - offset), SourceRunKind.Data);
    }

    /// <inheritdoc/>
    public DirectAccess GetDirect(ulong offset, ulong length, out ulong address)
    {
        if (_mapping is null || offset > _mapping.Length || length > _mapping.Length - offset || IsCutShort(offset, length))
        {
            address = 0;
            return DirectAccess.None; // Read tells why, or gives what is behind the mapping
        }

        address = _mapping.Address + offset;
        return DirectAccess.KernelOnly;
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> destination)
    {
        int available = offset >= Length ? 0 : (int)Math.Min((ulong)destination.Length, Length - offset);
        int done = 0;
        while (done < available)
        {
            int read = RandomAccess.Read(_file, destination[done..available], (long)offset + done);
            if (read == 0)
            {
                throw new IOException($"the image {Path} ends at byte {offset + (ulong)done}, but had {Length} bytes when it was opened: it was cut short");
            }

            done += read;
        }

        destination[available..].Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _mapping?.Dispose();
        _file.Dispose();
    }

    private static FilePageSource Open(string path, Func<SafeFileHandle, ulong, IReadOnlyList<FileExtent>> findData)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
        {
            throw new IOException($"the image {path} is a folder");
        }

        SafeFileHandle file = OpenFile(path);
        try
        {
            long length = RandomAccess.GetLength(file);
            return length > 0
                ? new FilePageSource(file, path, (ulong)length, findData(file, (ulong)length))
                : throw new IOException($"the image {path} is empty");
        }
        catch (Exception exception)
        {
            file.Dispose();
            if (exception is NotSupportedException)
            {
                throw new IOException($"the image {path} is a pipe or a device, and pages are read in any order: use a regular file", exception);
            }

            throw;
        }
    }

    private static SafeFileHandle OpenFile(string path)
    {
        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.None);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new FileNotFoundException($"there is no image {path}", path, exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new UnauthorizedAccessException($"the image {path} may not be read: check its permissions", exception);
        }
    }

    /// <summary>
    /// Whether the file has lost some of these bytes. Whole pages behind its end answer EFAULT by themselves, but in the page that
    /// holds its new end the mapping has zeros where the image had bytes. One lseek(2), a fraction of what the copy costs.
    /// </summary>
    private bool IsCutShort(ulong offset, ulong length) => SparseFile.GetEnd(_file) < Math.Min(offset + length, Length);

    /// <summary>Not every file can be mapped; one that cannot is read.</summary>
    private static MemoryMapping? TryMap(SafeFileHandle file, ulong length)
    {
        try
        {
            return MemoryMapping.MapFile(file, 0, length, new MemoryMappingOptions { Access = MappingAccess.Read, Shared = true });
        }
        catch (UffdException)
        {
            return null;
        }
    }

    private readonly struct EndsAfter(FileExtent[] extents, ulong offset) : IBisected
    {
        public bool HoldsAt(int index) => extents[index].End > offset;
    }
}
