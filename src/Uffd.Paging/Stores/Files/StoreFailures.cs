using System.Globalization;

namespace Uffd.Paging;

/// <summary>What is said when a file cannot take what it is given.</summary>
internal static class StoreFailures
{
    /// <summary>For a write that the kernel refused.</summary>
    public static IOException OfWrite(string path, ulong offset, int length, UffdException exception)
    {
        string what = string.Create(CultureInfo.InvariantCulture, $"the store {path} cannot take {length} bytes at {offset}");
        return exception.Errno switch
        {
            Errno.ENOSPC => new IOException($"{what}: the disk is full{FreeBytes(path)}; make room, then write them again: nothing that was written before is lost", exception),
            Errno.EDQUOT => new IOException($"{what}: the quota of the file's owner is used up; make room or raise it, then write them again: nothing that was written before is lost", exception),
            Errno.EFBIG => new IOException($"{what}: the file may not be so long here; raise the limit (ulimit -f), or use another file system", exception),
            Errno errno => new IOException($"{what}: {UffdException.Describe(errno)}", exception),
        };
    }

    private static string FreeBytes(string path)
    {
        try
        {
            return string.Create(CultureInfo.InvariantCulture, $" ({new DriveInfo(Path.GetFullPath(path)).AvailableFreeSpace} bytes are left)");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return ""; // the failure is told without it
        }
    }
}
