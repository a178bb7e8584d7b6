using Uffd.Abi;

namespace Uffd.Interop;

/// <summary>Which file a path names, and whether it is a socket.</summary>
internal sealed record FileIdentity(uint DeviceMajor, uint DeviceMinor, ulong Inode, bool IsSocket)
{
    /// <summary>Looks at a path, not through a symbolic link. Null when nothing is there.</summary>
    public static unsafe FileIdentity? Of(string path)
    {
        statx buffer;
        return LibC.Statx(DescriptorAbi.AT_FDCWD, path, DescriptorAbi.AT_SYMLINK_NOFOLLOW, DescriptorAbi.STATX_TYPE | DescriptorAbi.STATX_INO, &buffer) == 0
            ? new FileIdentity(buffer.stx_dev_major, buffer.stx_dev_minor, buffer.stx_ino, (buffer.stx_mode & DescriptorAbi.S_IFMT) == DescriptorAbi.S_IFSOCK)
            : null;
    }
}
