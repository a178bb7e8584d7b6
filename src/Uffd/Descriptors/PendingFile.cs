using Microsoft.Win32.SafeHandles;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>
/// A file that gets its name only when it is whole: until then it has none (O_TMPFILE of open(2)), and whatever ends its process leaves nothing behind. On a
/// file system that has no such files it lies beside its name under another, which is left behind where the process is killed. Mode 0600.
/// </summary>
public sealed class PendingFile : IDisposable
{
    private const uint OwnerOnly = 0x180; // rw-------
    private const Errno IsDirectory = (Errno)21; // EISDIR

    private readonly string? _temporary; // its name until then, where it must have one
    private bool _published;

    private PendingFile(string path, SafeFileHandle handle, string? temporary) => (Path, Handle, _temporary) = (path, handle, temporary);

    /// <summary>The name that it will have: a full path, with links followed.</summary>
    public string Path { get; }

    /// <summary>The open file, for reading and writing.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Whether it has no name of any kind until it is published.</summary>
    public bool IsUnnamed => _temporary is null;

    /// <summary>Begins a file.</summary>
    /// <param name="path">The name that it will have. What is there stays until then; of a link, what it leads to is replaced.</param>
    /// <param name="named">Whether it has another name until then, as where the file system knows no files without one.</param>
    /// <exception cref="IOException">It cannot be made there: one line says why.</exception>
    public static PendingFile Create(string path, bool named = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = new FileInfo(path) is { LinkTarget: not null } link ? link.ResolveLinkTarget(returnFinalTarget: true)!.FullName : System.IO.Path.GetFullPath(path);
        RequireReplaceable(full);
        if (named)
        {
            return CreateNamed(full);
        }

        int unnamed = LibC.OpenOrMake(FolderOf(full), DescriptorAbi.O_RDWR | DescriptorAbi.O_CLOEXEC | NameAbi.O_TMPFILE, OwnerOnly);
        if (unnamed >= 0)
        {
            return new PendingFile(full, new SafeFileHandle(unnamed, ownsHandle: true), temporary: null);
        }

        // EISDIR: a kernel that does not know the flag; the others: a file system that cannot. What else is wrong is wrong with a name too.
        return Kernel.LastErrno is IsDirectory or Errno.EOPNOTSUPP or Errno.EINVAL ? CreateNamed(full) : throw Failure(full);
    }

    /// <summary>Gives it its name, in one step: in place of what had it.</summary>
    /// <param name="durable">Whether the disk has the file before it gets the name, and the name when this returns.</param>
    /// <exception cref="UffdException">It cannot: the name is as it was, unless it is the flush of the folder that failed.</exception>
    public void Publish(bool durable)
    {
        ObjectDisposedException.ThrowIf(Handle.IsClosed, this);
        if (durable)
        {
            RawFile.FlushData(Handle);
        }

        Name();
        _published = true;
        if (durable)
        {
            RawFile.FlushFolder(FolderOf(Path));
        }
    }

    /// <summary>Closes it. Without <see cref="Publish"/> nothing of it is left.</summary>
    public void Dispose()
    {
        if (!_published && _temporary is not null && !Handle.IsClosed)
        {
            LibC.Unlink(_temporary); // one that is gone already is as it is to be
        }

        Handle.Dispose();
    }

    private void Name()
    {
        if (_temporary is not null)
        {
            RenameOver(_temporary);
            return;
        }

        if (TryLink(Path))
        {
            return;
        }

        // linkat(2) replaces nothing: the whole file gets another name for a moment.
        string temporary = Beside(Path);
        if (!TryLink(temporary))
        {
            throw Kernel.Failure($"linkat of {temporary}");
        }

        try
        {
            RenameOver(temporary);
        }
        catch
        {
            LibC.Unlink(temporary);
            throw;
        }
    }

    /// <returns>False where something has the name.</returns>
    private bool TryLink(string name)
    {
        bool held = false;
        try
        {
            Handle.DangerousAddRef(ref held);
            string self = $"/proc/self/fd/{Handle.DangerousGetHandle()}"; // AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH
            return LibC.LinkAt(DescriptorAbi.AT_FDCWD, self, DescriptorAbi.AT_FDCWD, name, NameAbi.AT_SYMLINK_FOLLOW) == 0
                || (Kernel.LastErrno == Errno.EEXIST ? false : throw Kernel.Failure($"linkat of {name}"));
        }
        finally
        {
            if (held)
            {
                Handle.DangerousRelease();
            }
        }
    }

    private void RenameOver(string temporary)
    {
        if (LibC.Rename(temporary, Path) != 0)
        {
            throw Kernel.Failure($"rename to {Path}");
        }
    }

    /// <summary>A rename would replace a device as well as a file.</summary>
    private static void RequireReplaceable(string full)
    {
        if (Directory.Exists(full))
        {
            throw new IOException($"{full} cannot be written: it is a folder");
        }

        if (RegularFile.TypeOf(full) is { } type && type != NameAbi.S_IFREG)
        {
            throw new IOException($"{full} cannot be written: it is no regular file");
        }
    }

    private static PendingFile CreateNamed(string full)
    {
        string temporary = Beside(full);
        int named = LibC.OpenOrMake(temporary, DescriptorAbi.O_RDWR | DescriptorAbi.O_CLOEXEC | FileAbi.O_CREAT | FileAbi.O_EXCL, OwnerOnly);
        return named >= 0 ? new PendingFile(full, new SafeFileHandle(named, ownsHandle: true), temporary) : throw Failure(full);
    }

    private static IOException Failure(string full)
    {
        Errno errno = Kernel.LastErrno;
        return new IOException($"{full} cannot be written: {UffdException.Describe(errno)}", new UffdException($"open in {FolderOf(full)}", errno));
    }

    private static string FolderOf(string full) => System.IO.Path.GetDirectoryName(full) ?? "/";

    private static string Beside(string full) => System.IO.Path.Combine(FolderOf(full), $".{System.IO.Path.GetFileName(full)}.{Guid.NewGuid():N}.tmp");
}
