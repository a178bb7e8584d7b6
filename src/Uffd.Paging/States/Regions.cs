using System.Numerics;
using System.Runtime.CompilerServices;

namespace Uffd.Paging;

/// <summary>A range of an address space and the part of a source that is its content.</summary>
/// <param name="Range">Whole pages of the process.</param>
/// <param name="Source">Where the content comes from; not owned.</param>
/// <param name="SourceOffset">The source's byte that belongs at the start of the range.</param>
/// <param name="PageSize">The page size of the memory in bytes: a fault is resolved as one such page. 0 for the system's own.</param>
public sealed record AddressSpaceRegion(AddressRange Range, IPageSource Source, ulong SourceOffset = 0, ulong PageSize = 0)
{
    /// <summary>
    /// The image that the range is a private mapping of, from <see cref="SourceOffset"/> on, registered for missing and minor faults; null,
    /// the default, for memory that the content is copied into. <see cref="Source"/> is that image's.
    /// </summary>
    public SharedImage? Shared { get; init; }

    /// <summary>
    /// Runs of the source, whole pages of the region, that are there when the address space is attached: they are not brought, and count as resident. One of them that is not
    /// there after all is zeros when it is touched. In any order; null, the default, for none. Not for shared images, which know it themselves.
    /// </summary>
    public IReadOnlyList<SourceRange>? AlreadyThere { get; init; }

    /// <summary>The page size in bytes.</summary>
    public ulong EffectivePageSize => PageSize == 0 ? (ulong)Environment.SystemPageSize : PageSize;

    /// <summary>A range that is a private mapping of a shared image.</summary>
    /// <param name="range">Whole pages of the process, registered for missing and minor faults.</param>
    /// <param name="image">The image whose memfd it maps.</param>
    /// <param name="offset">Where in the memfd the mapping begins.</param>
    public static AddressSpaceRegion OfShared(AddressRange range, SharedImage image, ulong offset = 0)
    {
        ArgumentNullException.ThrowIfNull(image);
        return new AddressSpaceRegion(range, image.Source, offset) { Shared = image };
    }

    /// <summary>Checks regions as a whole: each by itself, and that no two overlap.</summary>
    /// <param name="regions">The regions of one address space.</param>
    /// <returns>One line that says what is wrong, or null.</returns>
    public static string? Validate(IReadOnlyList<AddressSpaceRegion> regions)
    {
        ArgumentNullException.ThrowIfNull(regions);
        if (regions.Count == 0)
        {
            return "there are no regions";
        }

        if (regions.Select(region => region.FindFault()).FirstOrDefault(fault => fault is not null) is { } invalid)
        {
            return invalid;
        }

        AddressSpaceRegion[] sorted = [.. regions.OrderBy(region => region.Range.Start)];
        for (int index = 1; index < sorted.Length; index++)
        {
            if (sorted[index - 1].Range.Overlaps(sorted[index].Range))
            {
                return $"the ranges {sorted[index - 1].Range} and {sorted[index].Range} overlap";
            }
        }

        return null;
    }

    /// <summary>Says in one line what is wrong with it, or null.</summary>
    private string? FindFault()
    {
        ulong page = EffectivePageSize;
        if (!BitOperations.IsPow2(page) || page < (ulong)Environment.SystemPageSize || page > 1UL << 30)
        {
            return $"the page size {page} is not one of this system";
        }

        if (Shared is not null && (page != SharedImage.PageSize || !ReferenceEquals(Source, Shared.Source)))
        {
            return page != SharedImage.PageSize
                ? $"a shared image has pages of {SharedImage.PageSize} bytes and not of {page}"
                : "the source of a shared region is that of its image";
        }

        if (Range.IsEmpty || !Range.IsAligned(page))
        {
            return $"the range {Range} is not whole pages of {page} bytes";
        }

        if ((SourceOffset & ((ulong)Environment.SystemPageSize - 1)) != 0)
        {
            return $"the offset {SourceOffset} is not a multiple of {Environment.SystemPageSize}";
        }

        ulong rest = Source.Length > SourceOffset ? AddressRange.FromBounds(SourceOffset, Source.Length).Length : 0;
        return rest == 0 || Range.Length - 1 > ((rest - 1) | (page - 1))
            ? $"the range {Range} with offset {SourceOffset} lies beyond the image, which has {Source.Length} bytes"
            : FindFaultOfThere(page);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // there may be many, while a workload stands, and it is called once
    private string? FindFaultOfThere(ulong page)
    {
        if (AlreadyThere is { Count: > 0 } && Shared is not null)
        {
            return "what is there of a shared image is known to the image";
        }

        for (int index = 0; index < (AlreadyThere?.Count ?? 0); index++)
        {
            SourceRange there = AlreadyThere![index];
            if (there.Offset < SourceOffset || there.Offset - SourceOffset > Range.Length || there.Length > Range.Length - (there.Offset - SourceOffset))
            {
                return $"{there.Length} bytes at {there.Offset}, which are said to be there already, are not of the range {Range} with offset {SourceOffset}";
            }

            if ((((there.Offset - SourceOffset) | there.Length) & (page - 1)) != 0)
            {
                return $"{there.Length} bytes at {there.Offset}, which are said to be there already, are not whole pages of {page} bytes";
            }
        }

        return null;
    }
}

/// <summary>
/// A range and its pages' states. Immutable: when the process moves or unmaps a part, the table gets new slices over the same
/// map, so that a claim on (map, page) finds its page wherever it is now.
/// </summary>
internal sealed class RegionSlice
{
    public RegionSlice(
        AddressRange range,
        IPageSource source,
        ulong sourceOffset,
        int pageShift,
        PageStateMap map,
        long firstPage,
        SharedImage? shared = null)
    {
        Shared = shared;
        Range = range;
        Source = source;
        SourceOffset = sourceOffset;
        PageShift = pageShift;
        Map = map;
        FirstPage = firstPage;
        IsQuick = source.Concurrency <= 0 || shared is not null; // an image does its own reading
    }

    public AddressRange Range { get; }

    public IPageSource Source { get; }

    /// <summary>Whether reads of the source are made where a fault is served; else they go through a queue.</summary>
    public bool IsQuick { get; }

    /// <summary>The source's byte at the start of the range.</summary>
    public ulong SourceOffset { get; }

    public int PageShift { get; }

    /// <summary>The image that it is a private mapping of, or null.</summary>
    public SharedImage? Shared { get; }

    public ulong PageSize => 1UL << PageShift;

    public PageStateMap Map { get; }

    /// <summary>The map's index of the range's first page.</summary>
    public long FirstPage { get; }

    public long EndPage => FirstPage + (long)(Range.Length >> PageShift);

    public long PageOf(ulong address) => FirstPage + (long)((address - Range.Start) >> PageShift);

    public ulong AddressOf(long page) => Range.Start + ((ulong)(page - FirstPage) << PageShift);

    public ulong SourceOffsetOf(long page) => SourceOffset + ((ulong)(page - FirstPage) << PageShift);

    public AddressRange RangeOf(long page, int pages) => new(AddressOf(page), (ulong)pages << PageShift);

    /// <summary>The same pages of the same map, elsewhere or fewer.</summary>
    /// <param name="part">A part of the range, whole pages.</param>
    /// <param name="newStart">Where that part is now.</param>
    public RegionSlice Slice(AddressRange part, ulong newStart)
        => new(new AddressRange(newStart, part.Length), Source, SourceOffset + (part.Start - Range.Start), PageShift, Map, PageOf(part.Start), Shared);

    public RegionSlice WithMap(PageStateMap map) => new(Range, Source, SourceOffset, PageShift, map, FirstPage, Shared);
}
