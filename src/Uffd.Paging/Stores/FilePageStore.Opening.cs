using Microsoft.Win32.SafeHandles;

namespace Uffd.Paging;

/// <summary>How a file becomes a store: what is refused, made and made longer.</summary>
public sealed partial class FilePageStore
{
    /// <summary>Opens a file, or makes one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">How; null for a file that exists, through the page cache, with flushes that make durable.</param>
    /// <exception cref="IOException">
    /// It is missing, a folder, a pipe, empty, of another length, or in use by another store; or the file system cannot do what the options ask for. The
    /// message says which. A file that was there is as it was.
    /// </exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read and written.</exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public static FilePageStore Open(string path, FilePageStoreOptions? options = null)
        => Open(path, options ?? new FilePageStoreOptions(), static (file, length) => SparseFile.GetDataExtents(file, length));

    /// <summary>
    /// Opens a file whose holes mean that it has nothing there: the changes of a <see cref="LayeredPageStore"/>. They are found exactly,
    /// or it fails; a hole that was taken for data would hide with zeros what is below it.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="options">As of <see cref="Open(string, FilePageStoreOptions?)"/>.</param>
    /// <exception cref="IOException">As of <see cref="Open(string, FilePageStoreOptions?)"/>, or its holes cannot be found or are not whole pages.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read and written.</exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public static FilePageStore OpenDiff(string path, FilePageStoreOptions? options = null)
        => Open(path, options ?? new FilePageStoreOptions(), (file, length) => FindWholePages(file, path, length));

    private static FilePageStore Open(string path, FilePageStoreOptions options, Func<SafeFileHandle, ulong, IReadOnlyList<FileExtent>> findData)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (options.Length > long.MaxValue)
        {
            throw new ArgumentException($"no file has {options.Length} bytes", nameof(options));
        }

        if ((options.Create || options.Extend) && options.Length == 0)
        {
            throw new ArgumentException("a store that is made or made longer needs a length", nameof(options));
        }

        if (Directory.Exists(path))
        {
            throw new IOException($"the store {path} is a folder");
        }

        SafeFileHandle file = OpenFile(path, options.Create, out bool isNew);
        SafeFileHandle? direct = null;
        try
        {
            ulong found = LockAndMeasure(file, path);
            direct = options.Direct ? OpenDirect(file, path) : null;
            ulong length = GiveLength(file, path, found, options);
            var data = new StoredPages(length);
            foreach (FileExtent extent in findData(file, length))
            {
                data.Add(extent.Offset, extent.Length);
            }

            return new FilePageStore(new StoreFile(path, length, file, direct), options.Durability, data);
        }
        catch
        {
            if (isNew)
            {
                File.Delete(path); // nobody has put anything into it
            }

            direct?.Dispose();
            file.Dispose();
            throw;
        }
    }

    private static SafeFileHandle OpenFile(string path, bool create, out bool isNew)
    {
        isNew = false;
        try
        {
            isNew = create && !File.Exists(path);
            return RawFile.Open(path, isNew);
        }
        catch (UffdException exception)
        {
            throw OpenFailure(path, create, exception);
        }
    }

    private static Exception OpenFailure(string path, bool create, UffdException exception) => exception.Errno switch
    {
        Errno.ENOENT or Errno.ENOTDIR => new FileNotFoundException(
            create ? $"there is no folder for the store {path}" : $"there is no store {path}: give Create and a Length to have it made", path, exception),
        Errno.EACCES or Errno.EPERM => new UnauthorizedAccessException($"the store {path} may not be read and written: check its permissions and its folder's", exception),
        Errno.EEXIST => new IOException($"the store {path} was made by someone else at this moment: open it again", exception),
        Errno errno => new IOException($"the store {path} cannot be opened: {UffdException.Describe(errno)}", exception),
    };

    private static ulong LockAndMeasure(SafeFileHandle file, string path)
    {
        try
        {
            long length = RandomAccess.GetLength(file);
            return RawFile.TryLock(file)
                ? (ulong)length
                : throw new IOException($"the store {path} is in use, here or in another process: close it there first, for two who write would destroy it");
        }
        catch (NotSupportedException exception) // it has no places to seek to
        {
            throw new IOException($"the store {path} is a pipe or a device, and pages are read in any order: use a regular file", exception);
        }
        catch (UffdException exception)
        {
            throw new IOException($"the store {path} cannot be kept from others, for its file system has no locks: {UffdException.Describe(exception.Errno)}", exception);
        }
    }

    /// <summary>The data of a diff. A page that is in part a hole is another page than the one that is read, so there must be none.</summary>
    private static IReadOnlyList<FileExtent> FindWholePages(SafeFileHandle file, string path, ulong length)
    {
        ulong pageSize = (ulong)Environment.SystemPageSize;
        try
        {
            IReadOnlyList<FileExtent> extents = SparseFile.FindDataExtents(file, length);
            foreach (FileExtent extent in extents)
            {
                if (extent.Offset % pageSize != 0 || (extent.End % pageSize != 0 && extent.End != length))
                {
                    throw new IOException($"the store {path} has a part of a page in its {extent.Length} bytes at {extent.Offset}, and not all of it: such a diff can be a layer of a LayeredPageSource only");
                }
            }

            return extents;
        }
        catch (UffdException exception)
        {
            throw new IOException($"the holes of {path} cannot be found: {exception.Message}", exception);
        }
    }

    private static SafeFileHandle OpenDirect(SafeFileHandle file, string path)
    {
        SafeFileHandle? direct = null;
        try
        {
            direct = RawFile.OpenDirect(file);
            using var page = new AlignedBuffer(Environment.SystemPageSize);
            RawFile.Read(direct, 0, page.Span); // where a file system stands on another, only now is that one asked
            return direct;
        }
        catch (UffdException exception)
        {
            direct?.Dispose();
            throw new IOException(
                $"the store {path} is on a file system that cannot go past the page cache (O_DIRECT): {UffdException.Describe(exception.Errno)}; open it without Direct, or put it elsewhere", exception);
        }
    }

    /// <summary>Makes the file as long as it is to be, if it may, and durable what was made: its length, its name.</summary>
    private static ulong GiveLength(SafeFileHandle file, string path, ulong found, FilePageStoreOptions options)
    {
        if (options.Length == 0 || options.Length == found)
        {
            return found > 0 ? found : throw new IOException($"the store {path} is empty: give Create and a Length to have it made use of");
        }

        if (found > options.Length || !(options.Extend || (options.Create && found == 0)))
        {
            throw new IOException(
                found > options.Length
                    ? $"the store {path} has {found} bytes, more than the {options.Length} that were asked for: it is not made shorter"
                    : $"the store {path} has {found} bytes, and not the {options.Length} that were asked for: give Extend to have it made longer");
        }

        try
        {
            RandomAccess.SetLength(file, (long)options.Length);
            if (options.Durability == FileDurability.Synced)
            {
                RawFile.FlushData(file); // a length is needed to find what is there, so it goes along
                RawFile.FlushFolder(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!);
            }

            return options.Length;
        }
        catch (Exception exception) when (exception is IOException or ArgumentException or UnauthorizedAccessException)
        {
            throw new IOException($"the store {path} cannot be made {options.Length} bytes long: {exception.Message}", exception);
        }
    }
}
