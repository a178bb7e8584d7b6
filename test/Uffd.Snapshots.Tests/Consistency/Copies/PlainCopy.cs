using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Uffd.Processes;

namespace Uffd.Snapshots.Tests;

/// <summary>A copy of a process that is made page by page, in order of address, while it runs: of no instant. What a check must catch.</summary>
internal static class PlainCopy
{
    private const int PageSize = SnapshotWords.PageSize;
    private const ulong Present = 1UL << 63;
    private const ulong Swapped = 1UL << 62;

    /// <summary>Copies a process.</summary>
    /// <param name="processId">Its id.</param>
    public static MemorySnapshot Take(int processId)
    {
        var snapshot = new MemorySnapshot();
        IReadOnlyList<MappedRegion> regions = MapsFile.ReadCopied(processId);
        using SafeFileHandle memory = File.OpenHandle($"/proc/{processId}/mem");
        using SafeFileHandle pagemap = File.OpenHandle($"/proc/{processId}/pagemap");
        foreach (MappedRegion region in regions)
        {
            CopyRegion(snapshot, region, memory, pagemap);
        }

        snapshot.Complete(new ProcessState
        {
            ProcessId = processId,
            Name = "copy",
            Threads = [],
            Regions = [.. regions.Select(region => new SnapshotRegion(region, RegionContent.Whole))],
        });
        return snapshot;
    }

    private static void CopyRegion(
        MemorySnapshot snapshot, MappedRegion region, SafeFileHandle memory, SafeFileHandle pagemap)
    {
        byte[] page = new byte[PageSize];
        ulong[] entries = new ulong[region.Range.Length / PageSize];
        RandomAccess.Read(pagemap, MemoryMarshal.AsBytes(entries.AsSpan()), (long)(region.Range.Start / PageSize * sizeof(ulong)));
        for (int index = 0; index < entries.Length; index++)
        {
            // Anonymous pages that are not there are zeros. Those of a file or shared memory can be there for others.
            if (!region.IsFile && (entries[index] & (Present | Swapped)) == 0)
            {
                continue;
            }

            ulong address = region.Range.Start + ((ulong)index * PageSize);
            try
            {
                if (RandomAccess.Read(memory, page, (long)address) == PageSize)
                {
                    snapshot.Write(address, page);
                }
            }
            catch (IOException)
            {
                // The page is gone by now.
            }
        }
    }
}
