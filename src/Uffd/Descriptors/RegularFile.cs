using Microsoft.Win32.SafeHandles;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>Opens files whose names come from elsewhere: a pipe is refused and does not block, and a device is not touched.</summary>
public static unsafe class RegularFile
{
    /// <summary>Opens a regular file for reading (open(2), O_NONBLOCK, which is nothing to regular files).</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FileNotFoundException">It, or its folder, is not there.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    /// <exception cref="IOException">It is a folder, a pipe or a device, or cannot be opened.</exception>
    public static SafeFileHandle OpenRead(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (TypeOf(path) is { } type && type != NameAbi.S_IFREG)
        {
            throw NotRegular(path);
        }

        int descriptor = LibC.OpenOrMake(path, DescriptorAbi.O_RDONLY | DescriptorAbi.O_CLOEXEC | DescriptorAbi.O_NONBLOCK, mode: 0);
        if (descriptor < 0)
        {
            throw Kernel.LastErrno switch
            {
                Errno.ENOENT or Errno.ENOTDIR => new FileNotFoundException($"there is no file {path}", path),
                Errno.EACCES or Errno.EPERM => new UnauthorizedAccessException($"{path} may not be read: check its permissions"),
                Errno errno => new IOException($"{path} cannot be opened: {UffdException.Describe(errno)}"),
            };
        }

        var file = new SafeFileHandle(descriptor, ownsHandle: true);
        if (TypeOf($"/proc/self/fd/{descriptor}") is not NameAbi.S_IFREG) // asked again: the name may have become another file's
        {
            file.Dispose();
            throw NotRegular(path);
        }

        return file;
    }

    /// <summary>The type bits of what a name leads to, or null where that cannot be told.</summary>
    internal static ushort? TypeOf(string path)
    {
        statx found;
        return LibC.Statx(DescriptorAbi.AT_FDCWD, path, 0, DescriptorAbi.STATX_TYPE, &found) == 0 ? (ushort)(found.stx_mode & DescriptorAbi.S_IFMT) : null;
    }

    private static IOException NotRegular(string path) => new($"{path} is no regular file");
}
