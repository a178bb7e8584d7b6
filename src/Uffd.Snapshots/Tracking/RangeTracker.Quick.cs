using Uffd.Processes;

namespace Uffd.Snapshots;

/// <content>
/// Private anonymous memory, where the kernel's quick way tells where to look: pages without the mark of the protection have been written or discarded. It does not tell of places
/// that have no page tables, as where a huge page was discarded as a whole, so each such place where pages were is asked about by one of them.
/// </content>
internal sealed partial class RangeTracker
{
    private const ulong Nearby = 128; // pages: looking at so many more takes as long as another two questions
    private const ulong TableBytes = 2UL << 20; // of a page table with pages of 4096 bytes; others have larger ones, and are asked more than once

    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;

    private readonly PageRegionBuffer _unmarked = new(16 * 1024);
    private readonly PageRegionBuffer _one = new(1);

    private void TakeQuickly(FollowedPart part, Action<long, long> changed)
    {
        for (AddressRange rest = part.Range; !rest.IsEmpty;)
        {
            AddressRange looked = rest;
            rest = Scan(rest, PageQueries.Whole.Unmarked, _unmarked);
            TakeNear(part, changed);
            TakeTables(part, AddressRange.FromBounds(looked.Start, rest.Start), changed);
        }
    }

    /// <summary>Looks closer where pages without the mark were found, at those that are near each other together.</summary>
    private void TakeNear(FollowedPart part, Action<long, long> changed)
    {
        for (int index = 0; index < _unmarked.Count;)
        {
            AddressRange near = _unmarked[index].Range;
            for (index++; index < _unmarked.Count && _unmarked[index].Range.Start <= near.End + (Nearby * PageSize); index++)
            {
                near = AddressRange.FromBounds(near.Start, Math.Max(near.End, _unmarked[index].Range.End));
            }

            near = near.Intersect(part.Range);
            TakeWritten(part, near, PageQueries.Whole.WrittenAndProtect, changed);
            TakeDiscarded(part, near, changed);
        }
    }

    /// <summary>Asks about one page of each place that has a page table, if any was there.</summary>
    private void TakeTables(FollowedPart part, AddressRange within, Action<long, long> changed)
    {
        for (ulong start = within.Start; start < within.End;)
        {
            ulong end = Math.Min(within.End, (start / TableBytes * TableBytes) + TableBytes);
            long last = part.PageOf(end);
            long page = _held.FindSet(part.PageOf(start), last);
            if (page < last)
            {
                Scan(part.RangeOf(page, page + 1), PageQueries.Whole.KindsFollowed, _one);
                if (_one.Count == 0 || !PageQueries.IsPopulated(_one[0].Categories))
                {
                    TakeDiscarded(part, AddressRange.FromBounds(start, end), changed);
                }
            }

            start = end;
        }
    }

    /// <summary>What is not mapped is told by no scan.</summary>
    private void RequireMapped()
    {
        if (_processId != Environment.ProcessId)
        {
            if (!_uffd.IsTargetAlive())
            {
                throw Fail(WriteTracking.Gone());
            }

            IReadOnlyList<MappedRegion> mappings = MemoryMap.Read(_processId).Regions;
            foreach (FollowedPart part in _ranges.Parts)
            {
                ulong unmapped = FollowedRanges.FindUnmapped(mappings, part.Range);
                if (unmapped < part.Range.End)
                {
                    throw Fail(NotThere(part, unmapped));
                }
            }
        }
        else if (_ranges.Parts.FirstOrDefault(part => !CurrentProcess.IsMapped(part.Range)) is { } unmapped)
        {
            throw Fail(NotThere(unmapped, unmapped.Range.Start));
        }
    }
}
