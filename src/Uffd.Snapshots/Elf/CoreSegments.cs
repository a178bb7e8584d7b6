using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>A program header PT_LOAD.</summary>
/// <param name="Start">p_vaddr.</param>
/// <param name="Length">p_memsz.</param>
/// <param name="Offset">p_offset.</param>
/// <param name="FileLength">p_filesz, at most the length: the rest is not in the file.</param>
/// <param name="Flags">p_flags.</param>
internal readonly record struct CoreSegment(ulong Start, ulong Length, ulong Offset, ulong FileLength, uint Flags)
{
    public ulong End => Start + Length;
}

/// <summary>Cuts the regions of a process into program headers along the areas that hold them.</summary>
internal static class CoreSegments
{
    public static List<CoreSegment> Build(IReadOnlyList<SnapshotRegion> regions, CoreAreas areas, ulong pageSize)
    {
        var segments = new List<CoreSegment>(regions.Count);
        foreach (SnapshotRegion region in regions)
        {
            uint flags = FlagsOf(region.Mapping.Permissions);
            int first = segments.Count;
            switch (region.Content)
            {
                case RegionContent.Whole:
                    AddWhole(segments, first, region.Mapping.Range, areas, flags);
                    break;
                case RegionContent.Changed:
                    AddChanged(segments, first, region.Mapping.Range, areas, flags, pageSize);
                    break;
                default:
                    AddAbsent(segments, first, region.Mapping.Range.Start, region.Mapping.Range.End, flags);
                    break;
            }
        }

        return segments;
    }

    private static uint FlagsOf(RegionPermissions permissions)
        => (permissions.HasFlag(RegionPermissions.Read) ? ElfAbi.FlagRead : 0)
            | (permissions.HasFlag(RegionPermissions.Write) ? ElfAbi.FlagWrite : 0)
            | (permissions.HasFlag(RegionPermissions.Execute) ? ElfAbi.FlagExecute : 0);

    private static void AddWhole(List<CoreSegment> segments, int first, AddressRange range, CoreAreas areas, uint flags)
    {
        ulong address = range.Start;
        foreach (CoreArea area in areas.In(range))
        {
            AddressRange part = range.Intersect(new AddressRange(area.Start, area.Length));
            AddAbsent(segments, first, address, part.Start, flags); // zeros of a mapping too large to be given a place: no page of it was ever written
            AddStored(segments, first, part, area, flags);
            address = part.End;
        }

        AddAbsent(segments, first, address, range.End, flags);
    }

    private static void AddChanged(List<CoreSegment> segments, int first, AddressRange range, CoreAreas areas, uint flags, ulong pageSize)
    {
        ulong address = range.Start;
        foreach (CoreArea area in areas.In(range))
        {
            AddressRange part = range.Intersect(new AddressRange(area.Start, area.Length));
            long limit = (long)((part.End - area.Start) / pageSize);
            for (long page = area.Taken.NextSet((long)((part.Start - area.Start) / pageSize), limit); page < limit;)
            {
                long behind = area.Taken.NextClear(page, limit);
                AddressRange taken = AddressRange.FromBounds(area.Start + ((ulong)page * pageSize), area.Start + ((ulong)behind * pageSize));
                AddAbsent(segments, first, address, taken.Start, flags);
                AddStored(segments, first, taken, area, flags);
                address = taken.End;
                page = area.Taken.NextSet(behind, limit);
            }
        }

        AddAbsent(segments, first, address, range.End, flags);
    }

    /// <summary>Adds pages that the file holds, to the segment before where they follow it there too.</summary>
    private static void AddStored(List<CoreSegment> segments, int first, AddressRange pages, CoreArea area, uint flags)
    {
        ulong offset = area.Offset + (pages.Start - area.Start);
        if (segments.Count > first && segments[^1] is var before && before.FileLength == before.Length && before.Length > 0 && before.Offset + before.FileLength == offset)
        {
            segments[^1] = before with { Length = before.Length + pages.Length, FileLength = before.FileLength + pages.Length };
            return;
        }

        segments.Add(new CoreSegment(pages.Start, pages.Length, offset, pages.Length, flags));
    }

    /// <summary>Adds pages that the file does not hold, to the segment before where there is one: p_memsz beyond p_filesz, as the kernel writes it.</summary>
    private static void AddAbsent(List<CoreSegment> segments, int first, ulong start, ulong end, uint flags)
    {
        if (start >= end)
        {
            return;
        }

        if (segments.Count > first)
        {
            CoreSegment before = segments[^1];
            segments[^1] = before with { Length = before.Length + (end - start) };
            return;
        }

        segments.Add(new CoreSegment(start, end - start, Offset: 0, FileLength: 0, flags));
    }
}
