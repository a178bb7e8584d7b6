using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>
/// The content of a mapping whose file has more than this process's page tables show. It is asked from the file (/proc/PID/map_files), which brings no page into the
/// process; where this caller may not open that, all of the mapping is read through the process.
/// </summary>
internal static class SharedContent
{
    /// <summary>The parts of a mapping that may have content other than zeros.</summary>
    /// <param name="processId">The process.</param>
    /// <param name="mapping">The mapping.</param>
    public static IReadOnlyList<AddressRange> Find(int processId, MappedRegion mapping)
    {
        AddressRange range = mapping.Range;
        try
        {
            using SafeFileHandle file = File.OpenHandle(string.Create(
                CultureInfo.InvariantCulture,
                $"/proc/{processId}/map_files/{range.Start:x}-{range.End:x}"));
            return [.. SparseFile.FindDataExtents(file, mapping.Offset + range.Length).Select(extent => Within(mapping, extent)).Where(part => !part.IsEmpty)];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or UffdException)
        {
            return [range];
        }
    }

    private static AddressRange Within(MappedRegion mapping, FileExtent extent)
    {
        ulong pageSize = (ulong)Environment.SystemPageSize;
        ulong start = Math.Max(extent.Offset / pageSize * pageSize, mapping.Offset);
        ulong end = Math.Min((extent.End + pageSize - 1) / pageSize * pageSize, mapping.Offset + mapping.Range.Length);
        return start >= end ? default : AddressRange.FromBounds(mapping.Range.Start + (start - mapping.Offset), mapping.Range.Start + (end - mapping.Offset));
    }
}
