using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Uffd.Snapshots;

/// <summary>Which pages a process has, from /proc/PID/pagemap as every kernel has it (Documentation/admin-guide/mm/pagemap.rst): eight bytes a page.</summary>
/// <param name="processId">The process.</param>
internal sealed class PopulatedPages(int processId) : IDisposable
{
    private const ulong Present = 1UL << 63;
    private const ulong Swapped = 1UL << 62;
    private const ulong OfFile = 1UL << 61; // of a file, or shared anonymous memory

    private readonly SafeFileHandle _pagemap = File.OpenHandle(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/pagemap"));
    private readonly ulong[] _entries = new ulong[8 * 1024];

    /// <summary>The runs of pages that are in memory or swap.</summary>
    /// <param name="range">Whole pages.</param>
    /// <param name="own">Without pages that are still a file's.</param>
    public IEnumerable<AddressRange> Find(AddressRange range, bool own)
    {
        ulong pageSize = (ulong)Environment.SystemPageSize;
        for (ulong at = range.Start; at < range.End;)
        {
            int count = (int)Math.Min((range.End - at) / pageSize, (ulong)_entries.Length);
            int bytes = RandomAccess.Read(_pagemap, MemoryMarshal.AsBytes(_entries.AsSpan(0, count)), (long)(at / pageSize * sizeof(ulong)));
            count = bytes / sizeof(ulong);
            if (count == 0)
            {
                yield break;
            }

            for (int first = 0; first < count;)
            {
                int end = first;
                while (end < count && Counts(_entries[end], own))
                {
                    end++;
                }

                if (end > first)
                {
                    yield return new AddressRange(at + ((ulong)first * pageSize), (ulong)(end - first) * pageSize);
                }

                first = end + 1;
            }

            at += (ulong)count * pageSize;
        }
    }

    /// <summary>Closes the page map.</summary>
    public void Dispose() => _pagemap.Dispose();

    private static bool Counts(ulong entry, bool own) => (entry & (Present | Swapped)) != 0 && !(own && (entry & OfFile) != 0);
}
