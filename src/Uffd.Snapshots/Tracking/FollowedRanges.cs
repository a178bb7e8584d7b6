using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>What the pages of memory are that are in no page table of their process.</summary>
internal enum AbsentContent
{
    /// <summary>Private anonymous memory: zeros.</summary>
    Zeros,

    /// <summary>A private mapping of a file: the file's.</summary>
    OfFile,

    /// <summary>A shared mapping, also of anonymous memory: the file's, which others may write and discard.</summary>
    OfSharedFile,
}

/// <summary>A part of the ranges that are followed, of one kind.</summary>
/// <param name="Range">Its addresses.</param>
/// <param name="FirstPage">Its first page's number among those of all parts.</param>
/// <param name="Absent">What is not in the page tables.</param>
/// <param name="Mapping">The mapping that it is of, where it is shared; else any of them.</param>
internal sealed record FollowedPart(AddressRange Range, long FirstPage, AbsentContent Absent, MappedRegion Mapping)
{
    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;

    /// <summary>The number behind that of its last page.</summary>
    public long EndPage => FirstPage + (long)(Range.Length / PageSize);

    /// <summary>The number of the page that an address is in.</summary>
    public long PageOf(ulong address) => FirstPage + (long)((address - Range.Start) / PageSize);

    /// <summary>The addresses of a run of its pages.</summary>
    public AddressRange RangeOf(long first, long end) => new(Range.Start + ((ulong)(first - FirstPage) * PageSize), (ulong)(end - first) * PageSize);
}

/// <summary>Ranges of a process's memory, one behind the other, and what was mapped there when they were looked at.</summary>
internal sealed class FollowedRanges
{
    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;
    private readonly FollowedPart[] _parts;

    private FollowedRanges(FollowedPart[] parts) => _parts = parts;

    /// <summary>Their parts, in the order of the ranges.</summary>
    public IReadOnlyList<FollowedPart> Parts => _parts;

    /// <summary>How many pages they have together.</summary>
    public long Pages => _parts[^1].EndPage;

    /// <summary>Looks at what is mapped in ranges of a process.</summary>
    /// <param name="processId">The process.</param>
    /// <param name="ranges">Whole pages, not empty, none overlapping another; at least one.</param>
    /// <exception cref="ArgumentException">They are not so.</exception>
    /// <exception cref="UffdException">Nothing is mapped in a part of one, or the process is gone.</exception>
    public static FollowedRanges Look(int processId, IReadOnlyList<AddressRange> ranges)
    {
        RequireWholePages(ranges);
        IReadOnlyList<MappedRegion> mappings = MemoryMap.Read(processId).Regions;
        var parts = new List<FollowedPart>();
        foreach (AddressRange range in ranges)
        {
            ulong at = range.Start;
            for (int index = FirstEndingAfter(mappings, at); at < range.End && index < mappings.Count && mappings[index].Range.Start <= at; index++)
            {
                AddressRange part = AddressRange.FromBounds(at, Math.Min(range.End, mappings[index].Range.End));
                Add(parts, part, mappings[index]);
                at = part.End;
            }

            if (at < range.End)
            {
                throw new UffdException($"there is no memory at {at:x}, which is in the range {range} of the process", Errno.ENOMEM);
            }
        }

        return new FollowedRanges([.. parts]);
    }

    /// <summary>The first address of a range that is in no mapping.</summary>
    /// <param name="mappings">In order of address.</param>
    /// <param name="range">The range.</param>
    /// <returns>Its end where all of it is.</returns>
    public static ulong FindUnmapped(IReadOnlyList<MappedRegion> mappings, AddressRange range)
    {
        ulong at = range.Start;
        for (int index = FirstEndingAfter(mappings, at); at < range.End && index < mappings.Count && mappings[index].Range.Start <= at; index++)
        {
            at = Math.Min(range.End, mappings[index].Range.End);
        }

        return at;
    }

    /// <summary>The part that has a page.</summary>
    /// <param name="page">Less than <see cref="Pages"/>.</param>
    public FollowedPart Find(long page)
    {
        int low = 0, high = _parts.Length - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _parts[middle].EndPage > page ? (low, middle) : (middle + 1, high);
        }

        return _parts[low];
    }

    private static void Add(List<FollowedPart> parts, AddressRange range, MappedRegion mapping)
    {
        AbsentContent absent = mapping.IsShared ? AbsentContent.OfSharedFile : mapping.IsFile ? AbsentContent.OfFile : AbsentContent.Zeros;
        if (parts.Count > 0 && parts[^1] is var last && last.Range.End == range.Start && last.Absent == absent && !mapping.IsShared)
        {
            parts[^1] = last with { Range = AddressRange.FromBounds(last.Range.Start, range.End) };
        }
        else
        {
            parts.Add(new FollowedPart(range, parts.Count == 0 ? 0 : parts[^1].EndPage, absent, mapping));
        }
    }

    private static void RequireWholePages(IReadOnlyList<AddressRange> ranges)
    {
        if (ranges.Count == 0)
        {
            throw new ArgumentException("there are no ranges", nameof(ranges));
        }

        foreach (AddressRange range in ranges)
        {
            if (range.IsEmpty || !range.IsAligned(PageSize))
            {
                throw new ArgumentException($"the range {range} is not whole pages of {PageSize} bytes", nameof(ranges));
            }
        }

        AddressRange[] sorted = [.. ranges.OrderBy(range => range.Start)];
        for (int index = 1; index < sorted.Length; index++)
        {
            if (sorted[index - 1].Overlaps(sorted[index]))
            {
                throw new ArgumentException($"the ranges {sorted[index - 1]} and {sorted[index]} overlap", nameof(ranges));
            }
        }
    }

    private static int FirstEndingAfter(IReadOnlyList<MappedRegion> mappings, ulong address)
    {
        int low = 0, high = mappings.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = mappings[middle].Range.End > address ? (low, middle) : (middle + 1, high);
        }

        return low;
    }
}
