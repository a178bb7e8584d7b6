using System.Numerics;
using System.Runtime.CompilerServices;

namespace Uffd.Paging;

/// <summary>
/// The slices of an address space, in order of address and in order of page. All share one map, in which the regions' pages follow
/// each other. Immutable; replaced as a whole, by copying what stays: ten thousand regions are two copies of 80 KB an event.
/// </summary>
internal sealed class RegionTable
{
    private readonly RegionSlice[] _slices;  // by address
    private readonly RegionSlice[] _byPage;

    private RegionTable(PageStateMap map, RegionSlice[] slices, RegionSlice[] byPage)
    {
        Map = map;
        _slices = slices;
        _byPage = byPage;
    }

    /// <summary>The states of all pages.</summary>
    public PageStateMap Map { get; }

    /// <summary>In order of address.</summary>
    public IReadOnlyList<RegionSlice> Slices => _slices;

    public static RegionTable Create(IReadOnlyList<AddressSpaceRegion> regions)
    {
        AddressSpaceRegion[] sorted = [.. regions.OrderBy(region => region.Range.Start)];
        var map = new PageStateMap(sorted.Aggregate(0UL, (sum, region) => sum + (region.Range.Length >> ShiftOf(region))));
        var slices = new RegionSlice[sorted.Length];
        long page = 0;
        for (int index = 0; index < sorted.Length; index++)
        {
            AddressSpaceRegion region = sorted[index];
            slices[index] = new RegionSlice(region.Range, region.Source, region.SourceOffset, ShiftOf(region), map, page, region.Shared);
            page = slices[index].EndPage;
            MarkThere(region, slices[index]);
        }

        return new RegionTable(map, slices, slices); // one order at first
    }

    /// <summary>The images that slices share.</summary>
    public IEnumerable<SharedImage> SharedImages => _slices.Select(slice => slice.Shared).OfType<SharedImage>().Distinct();

    /// <summary>The slice that holds an address, or null.</summary>
    public RegionSlice? Find(ulong address)
    {
        int index = FirstEndingAfter(address);
        return index < _slices.Length && _slices[index].Range.Start <= address ? _slices[index] : null;
    }

    /// <summary>The slice that now holds a page of the map, or null when it was unmapped.</summary>
    public RegionSlice? FindPage(long page)
    {
        int index = FirstFrom(_byPage, slice => (ulong)slice.FirstPage, (ulong)page + 1) - 1;
        return index >= 0 && page < _byPage[index].EndPage ? _byPage[index] : null;
    }

    /// <summary>The slices that have a byte in common with a range, in order of address.</summary>
    public IEnumerable<RegionSlice> Overlapping(AddressRange range)
    {
        for (int index = FirstEndingAfter(range.Start); index < _slices.Length && _slices[index].Range.Overlaps(range); index++)
        {
            yield return _slices[index];
        }
    }

    /// <summary>Without a range: what of it is left of the slices stays where it is.</summary>
    public RegionTable Without(AddressRange range)
    {
        var gone = new List<RegionSlice>();
        var left = new List<RegionSlice>();
        foreach (RegionSlice slice in Overlapping(range))
        {
            if (Cut(slice, range, left))
            {
                gone.Add(slice);
            }
        }

        return Replace(gone, left);
    }

    /// <summary>With a range's slices at another place. What was at the new place is gone.</summary>
    public RegionTable Moved(AddressRange from, ulong to)
    {
        var moved = new List<RegionSlice>();
        foreach (RegionSlice slice in Overlapping(from))
        {
            AddressRange part = WholePages(slice, slice.Range.Intersect(from));
            if (!part.IsEmpty)
            {
                moved.Add(slice.Slice(part, to + (part.Start - from.Start)));
            }
        }

        return Without(from).Without(new AddressRange(to, from.Length)).Replace([], moved);
    }

    /// <summary>The same places with states of their own, for a forked child.</summary>
    public RegionTable Fork()
    {
        PageStateMap map = Map.Fork();
        foreach (RegionSlice slice in _slices)
        {
            if (slice.Shared is not null)
            {
                // A child does not inherit what its parent has of a mapped file: its pages fault anew, the poisoned ones too.
                map.ExchangeAll(slice.FirstPage, slice.EndPage, PageState.Missing);
            }
        }

        RegionSlice[] slices = Array.ConvertAll(_slices, slice => slice.WithMap(map));
        var byPage = (RegionSlice[])slices.Clone();
        Array.Sort(byPage, ByPage);
        return new RegionTable(map, slices, byPage);
    }

    /// <summary>Rounds inwards: the kernel tells ranges that are not aligned to huge pages, and leaves the pages cut by their ends.</summary>
    internal static AddressRange WholePages(RegionSlice slice, AddressRange part)
    {
        ulong mask = slice.PageSize - 1;
        ulong start = (part.Start + mask) & ~mask;
        ulong end = part.End & ~mask;
        return end > start ? AddressRange.FromBounds(start, end) : new AddressRange(part.Start, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // there may be many, while a workload stands, and it is called once
    private static void MarkThere(AddressSpaceRegion region, RegionSlice slice)
    {
        for (int index = 0; index < (region.AlreadyThere?.Count ?? 0); index++)
        {
            SourceRange there = region.AlreadyThere![index];
            long first = slice.FirstPage + (long)((there.Offset - slice.SourceOffset) >> slice.PageShift);
            slice.Map.Initialize(first, first + (long)(there.Length >> slice.PageShift), PageState.Present);
        }
    }

    private static int ShiftOf(AddressSpaceRegion region) => BitOperations.Log2(region.EffectivePageSize);

    private static int ByPage(RegionSlice one, RegionSlice other) => one.FirstPage.CompareTo(other.FirstPage);

    /// <returns>Whether it was cut; what is left of it was added.</returns>
    private static bool Cut(RegionSlice slice, AddressRange range, List<RegionSlice> left)
    {
        AddressRange gone = WholePages(slice, slice.Range.Intersect(range));
        if (gone.IsEmpty)
        {
            return false;
        }

        if (gone.Start > slice.Range.Start)
        {
            left.Add(slice.Slice(AddressRange.FromBounds(slice.Range.Start, gone.Start), slice.Range.Start));
        }

        if (gone.End < slice.Range.End)
        {
            left.Add(slice.Slice(AddressRange.FromBounds(gone.End, slice.Range.End), gone.End));
        }

        return true;
    }

    /// <summary>Some slices less and some more, both in order of address.</summary>
    private RegionTable Replace(List<RegionSlice> gone, List<RegionSlice> added)
    {
        if (gone.Count == 0 && added.Count == 0)
        {
            return this;
        }

        RegionSlice[] slices = Merge(_slices, gone, added, slice => slice.Range.Start);
        gone.Sort(ByPage);
        added.Sort(ByPage);
        return new RegionTable(Map, slices, Merge(_byPage, gone, added, slice => (ulong)slice.FirstPage));
    }

    /// <summary>Copies an array in order of a key, in blocks, without some of its items and with others.</summary>
    private static RegionSlice[] Merge(RegionSlice[] from, List<RegionSlice> gone, List<RegionSlice> added, Func<RegionSlice, ulong> key)
    {
        var merged = new RegionSlice[from.Length - gone.Count + added.Count];
        int read = 0;
        int written = 0;
        int nextGone = 0;
        int nextAdded = 0;
        while (nextGone < gone.Count || nextAdded < added.Count)
        {
            // One that goes makes way for one that comes with the same key.
            bool goes = nextAdded == added.Count || (nextGone < gone.Count && key(gone[nextGone]) <= key(added[nextAdded]));
            CopyUntil(FirstFrom(from, key, key(goes ? gone[nextGone] : added[nextAdded])));
            if (goes)
            {
                nextGone++;
                read++;
            }
            else
            {
                merged[written++] = added[nextAdded++];
            }
        }

        CopyUntil(from.Length);
        return merged;

        void CopyUntil(int end)
        {
            int count = Math.Max(0, end - read); // what comes may belong where something has just gone
            Array.Copy(from, read, merged, written, count);
            read += count;
            written += count;
        }
    }

    /// <returns>The index of the first with at least such a key.</returns>
    private static int FirstFrom(RegionSlice[] slices, Func<RegionSlice, ulong> key, ulong least)
        => Bisection.First(slices.Length, new KeyFrom(slices, key, least));

    private int FirstEndingAfter(ulong address) => Bisection.First(_slices.Length, new EndsAfter(_slices, address));

    private readonly struct KeyFrom(RegionSlice[] slices, Func<RegionSlice, ulong> key, ulong least) : IBisected
    {
        public bool HoldsAt(int index) => key(slices[index]) >= least;
    }

    private readonly struct EndsAfter(RegionSlice[] slices, ulong address) : IBisected
    {
        public bool HoldsAt(int index) => slices[index].Range.End > address;
    }
}
