using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Pagemap;

/// <summary>Which pages a scan finds, and what it tells of them.</summary>
public sealed class Categories : IDisposable
{
    private const PageCategories All = PageCategories.WriteProtectAllowed | PageCategories.Written | PageCategories.File | PageCategories.Present
        | PageCategories.Swapped | PageCategories.ZeroPage | PageCategories.Huge;

    private readonly Tracked _tracked = Tracked.Create();

    public void Dispose() => _tracked.Dispose();

    [Fact]
    public void All_of_a_mask_must_hold()
    {
        _tracked.Write(2, 3);
        Assert.Equal([_tracked.UnitAt(2, 2)], Found(new PagemapScanOptions { AllOf = PageCategories.Written | PageCategories.Present }));
        Assert.Empty(Found(new PagemapScanOptions { AllOf = PageCategories.Written | PageCategories.Swapped }));
        Assert.Empty(Found(new PagemapScanOptions { AllOf = PageCategories.Written | PageCategories.File }));
    }

    [Fact]
    public void One_of_a_mask_must_hold()
    {
        _tracked.Write(2, 3);
        Assert.Equal([_tracked.UnitAt(2, 2)], Found(AnyOf(PageCategories.Written | PageCategories.Swapped)));
        Assert.Equal([_tracked.Range], Found(AnyOf(PageCategories.Written | PageCategories.Present)));
        Assert.Empty(Found(AnyOf(PageCategories.File | PageCategories.Swapped | PageCategories.Huge | PageCategories.ZeroPage)));
    }

    [Fact]
    public void Both_masks_must_hold()
    {
        _tracked.Write(2);
        PagemapScanOptions options = AnyOf(PageCategories.Written | PageCategories.Swapped) with { AllOf = PageCategories.Present };
        Assert.Equal([_tracked.UnitAt(2)], Found(options));
        Assert.Empty(Found(options with { AllOf = PageCategories.File }));
    }

    [Fact]
    public void Inverted_category_holds_where_it_does_not()
    {
        _tracked.Write(0, 15);
        var clean = new PagemapScanOptions { AllOf = PageCategories.Written, Inverted = PageCategories.Written };
        Assert.Equal([_tracked.UnitAt(1, 14)], Found(clean));
        var presentAndClean = new PagemapScanOptions { AllOf = PageCategories.Present | PageCategories.Written, Inverted = PageCategories.Written };
        Assert.Equal([_tracked.UnitAt(1, 14)], Found(presentAndClean));
        PagemapScanOptions cleanOrSwapped = AnyOf(PageCategories.Written | PageCategories.Swapped) with { Inverted = PageCategories.Written };
        Assert.Equal([_tracked.UnitAt(1, 14)], Found(cleanOrSwapped));
        Assert.Equal([_tracked.Range], Found(new PagemapScanOptions { AllOf = PageCategories.File, Inverted = PageCategories.File }));
    }

    [Fact]
    public void No_mask_finds_all_and_inverting_what_is_not_asked_changes_nothing()
    {
        Assert.Equal([_tracked.Range], Found(new PagemapScanOptions { AllOf = PageCategories.None }));
        Assert.Equal([_tracked.Range], Found(new PagemapScanOptions { AllOf = PageCategories.None, Inverted = PageCategories.Present }));
    }

    [Fact]
    public void Return_mask_is_what_is_told_and_joins_runs_that_are_then_alike()
    {
        _tracked.Write(4);
        var all = new PagemapScanOptions { AllOf = PageCategories.Present, Report = All };
        IReadOnlyList<PageRegion> regions = _tracked.Scanner.ScanAll(_tracked.Range, all);
        const PageCategories Clean = PageCategories.Present | PageCategories.WriteProtectAllowed;
        Assert.Equal(
            [
                new PageRegion(_tracked.UnitAt(0, 4), Clean),
                new PageRegion(_tracked.UnitAt(4), Clean | PageCategories.Written),
                new PageRegion(_tracked.UnitAt(5, 11), Clean),
            ],
            regions);
        PageRegion one = Assert.Single(_tracked.Scanner.ScanAll(_tracked.Range, all with { Report = PageCategories.Present }));
        Assert.Equal(new PageRegion(_tracked.Range, PageCategories.Present), one);
        Assert.Equal(PageCategories.None, Assert.Single(_tracked.Scanner.ScanAll(_tracked.Range, all with { Report = PageCategories.None })).Categories);
    }

    [Fact]
    public void Inverting_does_not_change_what_is_told()
    {
        _tracked.Write(4);
        var options = new PagemapScanOptions { AllOf = PageCategories.Written, Inverted = PageCategories.Written, Report = PageCategories.Written };
        Assert.All(_tracked.Scanner.ScanAll(_tracked.Range, options), region => Assert.Equal(PageCategories.None, region.Categories));
    }

    [Fact]
    public void File_zero_page_and_hole_are_told_apart()
    {
        using Tracked file = Tracked.Create(TrackedMemory.Memfd);
        var all = new PagemapScanOptions { AllOf = PageCategories.None, Report = All };
        const PageCategories Present = PageCategories.Present | PageCategories.WriteProtectAllowed;
        Assert.Equal(Present | PageCategories.File, Assert.Single(file.Scanner.ScanAll(file.Range, all)).Categories);

        _tracked.Mapping.Advise(MemoryAdvice.DontNeed, _tracked.UnitAt(1, 2));
        _ = Volatile.Read(ref _tracked.Mapping.AsSpan(_tracked.Unit, 1)[0]); // a read maps the page of zeros
        PageRegion[] regions = [.. _tracked.Scanner.ScanAll(_tracked.UnitAt(0, 3), all)];
        Assert.Equal(
            [Present, Present | PageCategories.ZeroPage | PageCategories.Written, PageCategories.WriteProtectAllowed | PageCategories.Written],
            regions.Select(region => region.Categories));
    }

    private static PagemapScanOptions AnyOf(PageCategories categories) => new() { AllOf = PageCategories.None, AnyOf = categories };

    private AddressRange[] Found(PagemapScanOptions options) => _tracked.Written(options);
}
