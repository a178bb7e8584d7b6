using Uffd.Processes;

namespace Uffd.Snapshots.Tests;

/// <summary>Compares a snapshot with the process that it was taken of, which does nothing.</summary>
internal static class LiveMemory
{
    /// <summary>Every page that the snapshot keeps is what the process has now, and every mapping of the process is in it.</summary>
    /// <returns>How many pages were compared.</returns>
    public static long AssertSame(int processId, ISnapshot snapshot)
    {
        using var memory = ProcessMemory.Open(processId);
        IReadOnlyList<MappedRegion> live = MemoryMap.Read(processId).Regions;
        Assert.Equal(live, snapshot.State.Regions.Select(region => region.Mapping));
        long pages = 0;
        byte[] ours = new byte[64 * 1024];
        byte[] theirs = new byte[64 * 1024];
        foreach (SnapshotRegion region in snapshot.State.Regions.Where(region => region.Content != RegionContent.None))
        {
            foreach (SnapshotRun run in snapshot.GetRuns(region.Mapping.Range).Where(run => run.Kind != SnapshotPageKind.File))
            {
                Assert.NotEqual(SnapshotPageKind.Absent, run.Kind);
                for (ulong at = run.Range.Start; at < run.Range.End; at += (ulong)ours.Length)
                {
                    int length = (int)Math.Min((ulong)ours.Length, run.Range.End - at);
                    snapshot.Read(at, ours.AsSpan(0, length));
                    Assert.Equal(length, memory.Read(at, theirs.AsSpan(0, length)));
                    if (!ours.AsSpan(0, length).SequenceEqual(theirs.AsSpan(0, length)))
                    {
                        int first = ours.AsSpan(0, length).CommonPrefixLength(theirs);
                        Assert.Fail($"0x{at + (ulong)first:x} in {region.Mapping.Name} {region.Mapping.Range} ({region.Content}, {run.Kind}) is {ours[first]}, and {theirs[first]} in the process");
                    }

                    pages += length / Environment.SystemPageSize;
                }
            }
        }

        return pages;
    }
}
