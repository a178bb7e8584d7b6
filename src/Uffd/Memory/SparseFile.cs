using Microsoft.Win32.SafeHandles;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>A run of bytes of a file.</summary>
/// <param name="Offset">Where it begins.</param>
/// <param name="Length">Its length in bytes.</param>
public readonly record struct FileExtent(ulong Offset, ulong Length)
{
    /// <summary>The first offset behind it.</summary>
    public ulong End => Offset + Length;
}

/// <summary>Finds the parts of a file that hold data; the rest are holes, which read as zeros (lseek(2), SEEK_DATA and SEEK_HOLE).</summary>
public static class SparseFile
{
    /// <summary>
    /// Lists the data of a file in order, where holes need only be known to save work: what cannot be found out is told to be data.
    /// A file system that knows no holes gives one extent. The file's position moves.
    /// </summary>
    /// <param name="file">An open file.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="limit">Gives up on more extents than this, and tells the whole file to be data.</param>
    public static IReadOnlyList<FileExtent> GetDataExtents(SafeFileHandle file, ulong length, int limit = 1 << 20)
    {
        ArgumentNullException.ThrowIfNull(file);
        return TryFind(file, length, limit, out List<FileExtent> extents) ? extents : [new FileExtent(0, length)];
    }

    /// <summary>
    /// As <see cref="GetDataExtents"/>, where a hole means something else than zeros: all are found, or it fails.
    /// </summary>
    /// <param name="file">An open file.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <exception cref="UffdException">They cannot be found: the file system refuses, or the file has become shorter.</exception>
    public static IReadOnlyList<FileExtent> FindDataExtents(SafeFileHandle file, ulong length)
    {
        ArgumentNullException.ThrowIfNull(file);
        return TryFind(file, length, int.MaxValue, out List<FileExtent> extents) ? extents : throw Kernel.Failure("lseek(SEEK_DATA, SEEK_HOLE)");
    }

    /// <summary>
    /// Where the file ends now, by the quickest of the kernel's ways (lseek(2), SEEK_END). The file's position moves.
    /// </summary>
    /// <param name="file">An open file.</param>
    /// <exception cref="UffdException">It has no end: a pipe, for one.</exception>
    public static ulong GetEnd(SafeFileHandle file)
    {
        ArgumentNullException.ThrowIfNull(file);
        long end = LibC.LSeek(file, 0, MemoryAbi.SEEK_END);
        return end >= 0 ? (ulong)end : throw Kernel.Failure("lseek(SEEK_END)");
    }

    private const int NoMoreData = 6; // ENXIO

    /// <returns>False when there are more than the limit, or when the kernel refused, which LastErrno tells then.</returns>
    private static bool TryFind(SafeFileHandle file, ulong length, int limit, out List<FileExtent> extents)
    {
        extents = [];
        for (ulong position = 0; position < length;)
        {
            long data = LibC.LSeek(file, (long)position, MemoryAbi.SEEK_DATA);
            if (data < 0)
            {
                // ENXIO: no data from here to the end. Anything else: no knowledge of holes.
                return (int)Kernel.LastErrno == NoMoreData;
            }

            if ((ulong)data >= length)
            {
                break;
            }

            long hole = LibC.LSeek(file, data, MemoryAbi.SEEK_HOLE);
            if (hole <= data || extents.Count == limit)
            {
                return false;
            }

            position = Math.Min((ulong)hole, length);
            extents.Add(new FileExtent((ulong)data, position - (ulong)data));
        }

        return true;
    }
}
