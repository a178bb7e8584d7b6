using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Uffd.Snapshots;

/// <summary>
/// Where the file behind a shared mapping has nothing. Pages that are punched out of it (MADV_REMOVE, fallocate) leave the process's page tables as if they were swapped
/// out, so only the file tells of them (/proc/PID/map_files).
/// </summary>
internal sealed class SharedHoles : IDisposable
{
    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;
    private readonly FollowedPart _part;
    private readonly SafeFileHandle _file;

    /// <param name="processId">The process.</param>
    /// <param name="part">A part of its memory that is shared.</param>
    /// <exception cref="UffdException">This caller may not open the file.</exception>
    public SharedHoles(int processId, FollowedPart part)
    {
        _part = part;
        AddressRange mapping = part.Mapping.Range;
        try
        {
            _file = File.OpenHandle(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/map_files/{mapping.Start:x}-{mapping.End:x}"));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UffdException($"the file behind the shared memory {part.Range} cannot be opened ({failure.Message}), and what is discarded of it is known only to that; it needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE", failure);
        }
    }

    /// <summary>The runs of pages that are holes of the file now, in order.</summary>
    /// <exception cref="UffdException">The kernel does not tell.</exception>
    public IEnumerable<(long First, long End)> Find()
    {
        ulong start = _part.Mapping.Offset + (_part.Range.Start - _part.Mapping.Range.Start);
        ulong end = start + _part.Range.Length;
        ulong at = start;
        foreach (FileExtent data in SparseFile.FindDataExtents(_file, end))
        {
            ulong until = Math.Min(data.Offset / PageSize * PageSize, end);
            if (until > at)
            {
                yield return (PageOf(at), PageOf(until));
            }

            at = Math.Max(at, Math.Min((data.End + PageSize - 1) / PageSize * PageSize, end));
        }

        if (at < end)
        {
            yield return (PageOf(at), PageOf(end));
        }

        long PageOf(ulong offset) => _part.FirstPage + (long)((offset - start) / PageSize);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();
}
