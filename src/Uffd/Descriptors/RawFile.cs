using Microsoft.Win32.SafeHandles;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>
/// What .NET's file calls do not offer, or do not tell: the kernel's error number, the way past the page cache, locks between
/// processes, and fdatasync(2) with its answer.
/// </summary>
public static unsafe class RawFile
{
    private const uint ForAll = 0x1B6; // rw-rw-rw-, less what the umask takes away: as .NET makes files

    /// <summary>
    /// Opens a file for reading and writing (open(2)) without the shared lock that .NET takes with every file: of two that want to lock it for themselves
    /// at once, one can.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="make">Whether to make it, and not to open one that exists.</param>
    /// <exception cref="UffdException">ENOENT: it, or its folder, is missing; EEXIST: it is to be made and is there; EACCES, EPERM, EROFS: it may not be written; EISDIR.</exception>
    public static SafeFileHandle Open(string path, bool make)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        int flags = DescriptorAbi.O_RDWR | DescriptorAbi.O_CLOEXEC | (make ? FileAbi.O_CREAT | FileAbi.O_EXCL : 0);
        return Own(LibC.OpenOrMake(path, flags, ForAll), $"open of {path}");
    }

    /// <summary>
    /// Opens a file once more, whatever its name leads to by now, to read and write it past the page cache (O_DIRECT). A file system may agree here
    /// and refuse the first read: try one.
    /// </summary>
    /// <param name="file">An open file.</param>
    /// <exception cref="UffdException">EINVAL: the file system cannot.</exception>
    public static SafeFileHandle OpenDirect(SafeFileHandle file)
    {
        ArgumentNullException.ThrowIfNull(file);
        bool held = false;
        try
        {
            file.DangerousAddRef(ref held);
            string path = $"/proc/self/fd/{file.DangerousGetHandle()}";
            return Own(LibC.Open(path, DescriptorAbi.O_RDWR | DescriptorAbi.O_CLOEXEC | FileAbi.O_DIRECT), "open with O_DIRECT");
        }
        finally
        {
            if (held)
            {
                file.DangerousRelease();
            }
        }
    }

    /// <summary>Reads bytes at an offset (pread(2)), perhaps fewer than there is room for.</summary>
    /// <param name="file">An open file.</param>
    /// <param name="offset">Where. Past the page cache: a multiple of the device's block.</param>
    /// <param name="destination">What is filled. Past the page cache: aligned to the device's block, and whole blocks.</param>
    /// <returns>How many bytes; 0 at the file's end and behind it.</returns>
    /// <exception cref="UffdException">EIO: the device cannot read them; EINVAL: not aligned.</exception>
    public static int Read(SafeFileHandle file, ulong offset, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(file);
        fixed (byte* buffer = destination) // pinned for the call, and never longer than it
        {
            nint answer;
            do
            {
                answer = LibC.PRead(file, buffer, (nuint)destination.Length, checked((long)offset));
            }
            while (answer < 0 && Kernel.LastErrno == Errno.EINTR);

            return answer >= 0 ? (int)answer : throw Kernel.Failure($"pread of {destination.Length} bytes at {offset}");
        }
    }

    /// <summary>Writes bytes at an offset (pwrite(2)), perhaps not all of them.</summary>
    /// <param name="file">An open file.</param>
    /// <param name="offset">Where. Past the page cache: a multiple of the device's block.</param>
    /// <param name="source">The bytes. Past the page cache: aligned to the device's block, and whole blocks.</param>
    /// <returns>How many bytes.</returns>
    /// <exception cref="UffdException">ENOSPC, EDQUOT: no room; EFBIG: the file may not be so long; EIO: the device cannot write them.</exception>
    public static int Write(SafeFileHandle file, ulong offset, ReadOnlySpan<byte> source)
    {
        ArgumentNullException.ThrowIfNull(file);
        fixed (byte* buffer = source) // pinned for the call, and never longer than it
        {
            nint answer;
            do
            {
                answer = LibC.PWrite(file, buffer, (nuint)source.Length, checked((long)offset));
            }
            while (answer < 0 && Kernel.LastErrno == Errno.EINTR);

            return answer >= 0 ? (int)answer : throw Kernel.Failure($"pwrite of {source.Length} bytes at {offset}");
        }
    }

    /// <summary>
    /// Locks a file for this descriptor and its copies alone (flock(2)), as <see cref="FileShare.None"/> does: .NET's other ways to open it take a shared
    /// lock, and are refused. Who does not ask for a lock is not kept out. The lock ends with the last of the descriptors, however its process ends.
    /// </summary>
    /// <param name="file">An open file.</param>
    /// <returns>False when somebody else holds a lock.</returns>
    /// <exception cref="UffdException">The file system has no locks.</exception>
    public static bool TryLock(SafeFileHandle file)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (LibC.FLock(file, FileAbi.LOCK_EX | FileAbi.LOCK_NB) == 0)
        {
            return true;
        }

        return Kernel.LastErrno == Errno.EAGAIN ? false : throw Kernel.Failure("flock");
    }

    /// <summary>
    /// Gives up the lock of <see cref="TryLock"/>. Closing the file does too, but not for as long as a child process that was just forked, here or in a
    /// library, still has its copy.
    /// </summary>
    /// <param name="file">An open file.</param>
    public static void Unlock(SafeFileHandle file)
    {
        ArgumentNullException.ThrowIfNull(file);
        LibC.FLock(file, FileAbi.LOCK_UN); // what is not locked is as it is to be
    }

    /// <summary>
    /// Makes durable what was written through any descriptor of the file, and what of its description is needed to find it
    /// (fdatasync(2)): not the time of the last change, which costs a journal an entry.
    /// </summary>
    /// <param name="file">An open file.</param>
    /// <exception cref="UffdException">
    /// EIO, ENOSPC, EDQUOT: some of what was written is lost. The kernel tells it once to each descriptor, and takes the pages for
    /// clean from then on: a second call that succeeds says nothing of them.
    /// </exception>
    public static void FlushData(SafeFileHandle file)
    {
        ArgumentNullException.ThrowIfNull(file);
        while (LibC.FDataSync(file) != 0)
        {
            if (Kernel.LastErrno != Errno.EINTR)
            {
                throw Kernel.Failure("fdatasync");
            }
        }
    }

    /// <summary>Makes a file's name durable: without it a file that was just made may be gone after a loss of power, however often it was flushed.</summary>
    /// <param name="path">The folder that the file was made in.</param>
    /// <exception cref="UffdException">It cannot be opened, or its file system failed.</exception>
    public static void FlushFolder(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using SafeDescriptorHandle folder = Kernel.Own(LibC.Open(path, DescriptorAbi.O_RDONLY | DescriptorAbi.O_CLOEXEC), $"open of the folder {path}");

        // EINVAL: a file system that has no such call keeps names as it does.
        if (LibC.FSync(folder) != 0 && Kernel.LastErrno != Errno.EINVAL)
        {
            throw Kernel.Failure($"fsync of the folder {path}");
        }
    }

    private static SafeFileHandle Own(int descriptor, string what)
        => descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw Kernel.Failure(what);
}
