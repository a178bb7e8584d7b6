namespace Uffd.Paging.OwnMemory.Tests;

/// <summary>How many pages of a region are in memory, as the kernel's page tables say and not as the region counts.</summary>
internal static class ResidentPages
{
    private static readonly PagemapScanOptions Here = new()
    {
        AllOf = PageCategories.None,
        AnyOf = PageCategories.Present | PageCategories.Swapped,
        Report = PageCategories.Present,
    };

    public static ulong Count(PagedRegion region)
    {
        using PagemapScan scan = PagemapScan.OpenSelf();
        Span<PageRegion> found = new PageRegion[64];
        ulong bytes = 0;
        var rest = new AddressRange(region.Address, (ulong)region.Pages.Count * region.PageSize);
        while (!rest.IsEmpty)
        {
            PagemapScanResult result = scan.Scan(rest, Here, found);
            foreach (PageRegion part in found[..result.Regions])
            {
                bytes += part.Range.Length;
            }

            rest = AddressRange.FromBounds(Math.Max(result.WalkEnd, rest.Start), rest.End);
        }

        return bytes / region.PageSize;
    }
}
