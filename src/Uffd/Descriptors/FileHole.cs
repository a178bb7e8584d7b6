using Microsoft.Win32.SafeHandles;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>Makes holes in files: what was written there is zeros again, and its room is free (fallocate(2), FALLOC_FL_PUNCH_HOLE).</summary>
public static class FileHole
{
    /// <summary>Makes a hole.</summary>
    /// <param name="file">An open file.</param>
    /// <param name="offset">Where.</param>
    /// <param name="length">How many bytes, more than none.</param>
    /// <returns>False where the file system cannot: write zeros instead.</returns>
    /// <exception cref="UffdException">The file system failed.</exception>
    public static bool TryPunch(SafeFileHandle file, ulong offset, ulong length)
    {
        ArgumentNullException.ThrowIfNull(file);
        while (LibC.FAllocate(file, DescriptorAbi.FALLOC_FL_KEEP_SIZE | DescriptorAbi.FALLOC_FL_PUNCH_HOLE, checked((long)offset), checked((long)length)) != 0)
        {
            switch (Kernel.LastErrno)
            {
                case Errno.EINTR:
                    continue;
                case Errno.EOPNOTSUPP or Errno.ENOSYS:
                    return false;
                default:
                    throw Kernel.Failure($"fallocate of a hole of {length} bytes at {offset}");
            }
        }

        return true;
    }
}
