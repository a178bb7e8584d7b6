namespace Uffd.Snapshots;

/// <summary>Tells holes of a core from its data: a page that lies wholly in a hole is zeros, known without reading it.</summary>
internal static class CoreHoles
{
    /// <summary>Splits a range that a segment has in the file.</summary>
    /// <param name="range">The addresses, whole pages, within the segment's part that is in the file.</param>
    /// <param name="load">The segment.</param>
    /// <param name="data">The file's data, in order.</param>
    /// <param name="pageSize">In bytes.</param>
    public static IEnumerable<SnapshotRun> Split(AddressRange range, CoreSegment load, IReadOnlyList<FileExtent> data, ulong pageSize)
    {
        ulong address = range.Start;
        for (int index = FirstBehind(data, load.Offset + (range.Start - load.Start)); address < range.End; index++)
        {
            ulong end = load.Offset + (range.End - load.Start);
            if (index == data.Count || data[index].Offset >= end)
            {
                break;
            }

            // Outwards to whole pages: blocks of a file system may be smaller.
            ulong into = data[index].Offset <= load.Offset ? 0 : data[index].Offset - load.Offset;
            ulong start = Math.Max(load.Start + (into & ~(pageSize - 1)), address);
            ulong behind = Math.Min(load.Start + RoundUp(Math.Min(data[index].End, end) - load.Offset, pageSize), range.End);
            if (start > address)
            {
                yield return new SnapshotRun(AddressRange.FromBounds(address, start), SnapshotPageKind.Zero);
            }

            if (behind > start)
            {
                yield return new SnapshotRun(AddressRange.FromBounds(start, behind), SnapshotPageKind.Stored);
            }

            address = Math.Max(address, behind);
        }

        if (address < range.End)
        {
            yield return new SnapshotRun(AddressRange.FromBounds(address, range.End), SnapshotPageKind.Zero);
        }
    }

    private static ulong RoundUp(ulong value, ulong pageSize) => (value + (pageSize - 1)) & ~(pageSize - 1);

    /// <summary>The index of the first extent that ends behind an offset.</summary>
    private static int FirstBehind(IReadOnlyList<FileExtent> data, ulong offset)
    {
        int low = 0;
        int high = data.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (data[middle].End <= offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
