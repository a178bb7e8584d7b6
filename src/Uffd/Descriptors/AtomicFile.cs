using Microsoft.Win32.SafeHandles;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>
/// A file that gets its name when it is whole: it is written without one (open(2), O_TMPFILE), so that a process that is killed leaves nothing behind, and
/// takes the place of what had the name in one step. Only its owner may read it (mode 0600). Where the file system knows no files without names it has a
/// random one beside its own until then. Not for several threads at once.
/// </summary>
public sealed class AtomicFile : IDisposable
{
    private const uint ForOwner = 0x180; // rw-------

    private readonly string _folder;
    private string? _temporary; // its name for now, or null where it has none
    private bool _punches = true;
    private bool _committed;

    private AtomicFile(string path, string folder, SafeFileHandle handle, string? temporary)
    {
        Path = path;
        _folder = folder;
        Handle = handle;
        _temporary = temporary;
    }

    /// <summary>The name that it gets.</summary>
    public string Path { get; }

    /// <summary>The file, open to read and write.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Begins a file.</summary>
    /// <param name="path">The name that it is to get.</param>
    /// <exception cref="IOException">Its folder is not there or may not be written, or the name is a folder's.</exception>
    public static AtomicFile Create(string path) => Create(path, withoutName: true);

    internal static AtomicFile Create(string path, bool withoutName)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = System.IO.Path.GetFullPath(path);
        if (Directory.Exists(full) || System.IO.Path.GetDirectoryName(full) is not { } folder)
        {
            throw new IOException($"{path} is a folder: give the name of a file");
        }

        if (withoutName)
        {
            int nameless = LibC.OpenOrMake(folder, DescriptorAbi.O_RDWR | DescriptorAbi.O_CLOEXEC | AtomicFileAbi.O_TMPFILE, ForOwner);
            if (nameless >= 0)
            {
                return new AtomicFile(path, folder, new SafeFileHandle(nameless, ownsHandle: true), temporary: null);
            }
        }

        // EOPNOTSUPP and EISDIR say that the file system has no such files; any other reason is told again by this.
        string temporary = RandomName(folder);
        int named = LibC.OpenOrMake(temporary, DescriptorAbi.O_RDWR | DescriptorAbi.O_CLOEXEC | FileAbi.O_CREAT | FileAbi.O_EXCL, ForOwner);
        return named >= 0
            ? new AtomicFile(path, folder, new SafeFileHandle(named, ownsHandle: true), temporary)
            : throw new UffdException($"{path} cannot be made in {folder}", Kernel.LastErrno);
    }

    /// <summary>Writes bytes, all of them.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="bytes">The bytes.</param>
    /// <exception cref="IOException">No room, or the device failed.</exception>
    public void Write(ulong offset, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int written;
            try
            {
                written = RawFile.Write(Handle, offset, bytes);
            }
            catch (UffdException exception)
            {
                throw new UffdException($"{Path} cannot be written at byte {offset}", exception.Errno, Remedy(exception.Errno));
            }

            if (written == 0)
            {
                throw new IOException($"{Path} takes nothing at byte {offset}, and says not why");
            }

            bytes = bytes[written..];
            offset += (ulong)written;
        }
    }

    /// <summary>Makes zeros of bytes, and gives their room back where the file system can (fallocate(2), FALLOC_FL_PUNCH_HOLE).</summary>
    /// <param name="offset">Where.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="IOException">The device failed.</exception>
    public void Clear(ulong offset, ulong length)
    {
        if (_punches)
        {
            if (LibC.FAllocate(Handle, DescriptorAbi.FALLOC_FL_KEEP_SIZE | DescriptorAbi.FALLOC_FL_PUNCH_HOLE, (long)offset, (long)length) == 0)
            {
                return;
            }

            if (Kernel.LastErrno is not (Errno.EOPNOTSUPP or Errno.ENOSYS or Errno.ENODEV))
            {
                throw new UffdException($"a hole of {length} bytes at {offset} cannot be made in {Path}", Kernel.LastErrno);
            }

            _punches = false;
        }

        byte[] zeros = new byte[(int)Math.Min(length, 1 << 20)];
        for (ulong done = 0; done < length;)
        {
            int piece = (int)Math.Min(length - done, (ulong)zeros.Length);
            Write(offset + done, zeros.AsSpan(0, piece));
            done += (ulong)piece;
        }
    }

    /// <summary>Gives the file its length; what was never written is a hole.</summary>
    /// <param name="length">In bytes.</param>
    /// <exception cref="IOException">The file system has no files so long.</exception>
    public void SetLength(ulong length)
    {
        if (LibC.FTruncate(Handle, checked((long)length)) != 0)
        {
            throw new UffdException($"{Path} cannot be {length} bytes long", Kernel.LastErrno, Remedy(Kernel.LastErrno));
        }
    }

    /// <summary>Gives the file its name, in the place of what has it.</summary>
    /// <param name="durable">Whether to wait until the disk has the content before, and the name after.</param>
    /// <exception cref="IOException">It cannot be: what had the name has it still.</exception>
    public void Commit(bool durable)
    {
        if (_committed)
        {
            throw new InvalidOperationException($"{Path} has got its name already");
        }

        if (durable)
        {
            FlushData();
        }

        if (_temporary is not null || !TryLink(Path))
        {
            _temporary ??= Link();
            File.Move(_temporary, Path, overwrite: true); // rename(2): one step
            _temporary = null;
        }

        _committed = true;
        if (durable)
        {
            RawFile.FlushFolder(_folder);
        }
    }

    /// <summary>Closes the file. Without <see cref="Commit"/> nothing is left of it.</summary>
    public void Dispose()
    {
        Handle.Dispose();
        if (_temporary is not null)
        {
            File.Delete(_temporary);
            _temporary = null;
        }
    }

    private static string? Remedy(Errno errno) => errno switch
    {
        Errno.ENOSPC or Errno.EDQUOT => "make room there, or write it elsewhere",
        Errno.EFBIG => "raise the limit of a file's size (ulimit -f), or write it to a file system with larger files",
        _ => null,
    };

    private static string RandomName(string folder) => System.IO.Path.Combine(folder, $".uffd-{Guid.NewGuid():N}.tmp");

    private void FlushData()
    {
        try
        {
            RawFile.FlushData(Handle);
        }
        catch (UffdException exception)
        {
            throw new UffdException($"{Path} was not written to the disk", exception.Errno, Remedy(exception.Errno));
        }
    }

    private string Link()
    {
        string temporary = RandomName(_folder);
        return TryLink(temporary) ? temporary : throw new IOException($"{Path} cannot be named: {temporary} exists");
    }

    /// <returns>False where something has that name.</returns>
    private bool TryLink(string name)
    {
        // The way of open(2) for a caller without CAP_DAC_READ_SEARCH.
        if (LibC.LinkAt(DescriptorAbi.AT_FDCWD, $"/proc/self/fd/{Handle.DangerousGetHandle()}", DescriptorAbi.AT_FDCWD, name, AtomicFileAbi.AT_SYMLINK_FOLLOW) == 0)
        {
            return true;
        }

        return Kernel.LastErrno == Errno.EEXIST ? false : throw new UffdException($"{Path} cannot get its name", Kernel.LastErrno);
    }
}
