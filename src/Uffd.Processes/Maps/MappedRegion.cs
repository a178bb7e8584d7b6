namespace Uffd.Processes;

/// <summary>One mapping of a process: a line of proc_pid_maps(5).</summary>
/// <param name="Range">Its addresses, whole pages.</param>
/// <param name="Permissions">What it allows.</param>
/// <param name="Offset">Where in its file it begins, in bytes; 0 where it has none.</param>
/// <param name="Device">The file's device as the kernel's dev_t encodes it for user space (makedev(3)); 0 where it has none.</param>
/// <param name="Inode">The file's inode; 0 where it has none.</param>
/// <param name="Name">
/// The last column with the kernel's escapes undone: a path (with " (deleted)" where the kernel says so), <c>[heap]</c>, <c>[stack]</c>,
/// <c>[vdso]</c>, <c>[anon:...]</c>; empty for plain anonymous memory.
/// </param>
public sealed record MappedRegion(AddressRange Range, RegionPermissions Permissions, ulong Offset, ulong Device, ulong Inode, string Name)
{
    /// <summary>Whether a file lies behind it (also a memfd, shared anonymous memory, or one that was deleted).</summary>
    public bool IsFile => Inode != 0;

    /// <summary>Whether its changes are seen by others that map the same.</summary>
    public bool IsShared => Permissions.HasFlag(RegionPermissions.Shared);
}
