using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Pagemap;

/// <summary>Transparent huge pages that are scanned, protected or written in part.</summary>
public sealed class HugePageSplits : IDisposable
{
    private const int Pages = 512;
    private const int Half = Pages / 2;

    private readonly Tracked _tracked = Tracked.Create(TrackedMemory.Thp, Pages);

    public void Dispose() => _tracked.Dispose();

    [Fact]
    public void Clean_huge_page_is_found_clean_and_stays_whole()
    {
        Assert.Empty(_tracked.Written());
        Assert.Equal(MemoryKinds.HugePage, _tracked.HugeBytes);
    }

    [Fact]
    public void Write_dirties_one_base_page_and_splits()
    {
        _tracked.Write(77);
        Assert.Equal([_tracked.UnitAt(77)], _tracked.Written());
        Assert.Equal(0UL, _tracked.HugeBytes);
    }

    [Fact]
    public void Dirty_huge_page_is_told_whole_and_as_huge()
    {
        Unprotect();
        PageRegion region = Assert.Single(_tracked.Scanner.ScanAll(_tracked.Range, Tracked.Look with { Report = PageCategories.Written | PageCategories.Huge }));
        Assert.Equal(new PageRegion(_tracked.Range, PageCategories.Written | PageCategories.Huge), region);
        Assert.Equal(MemoryKinds.HugePage, _tracked.HugeBytes);
    }

    /// <summary>It leaves a hole where not even a page table is. Its content has become zeros, which a tracker must be told.</summary>
    [Fact]
    public void Discarded_huge_page_is_told_as_written()
    {
        _tracked.Mapping.Advise(MemoryAdvice.DontNeed);
        Assert.Equal([_tracked.Range], _tracked.Written(Tracked.Harvest));
        Assert.Empty(_tracked.Written());
    }

    [Fact]
    public void Protecting_the_whole_keeps_it_whole()
    {
        Unprotect();
        Assert.Equal([_tracked.Range], _tracked.Written(Tracked.Harvest));
        Assert.Empty(_tracked.Written());
        Assert.Equal(MemoryKinds.HugePage, _tracked.HugeBytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Half)]
    public void Protecting_a_half_splits_and_leaves_the_other_dirty(int first)
    {
        Unprotect();
        AddressRange half = _tracked.UnitAt(first, Half);
        Assert.Equal([half], Tracked.Join(_tracked.Scanner.ScanAll(half, Tracked.Harvest)));
        Assert.Equal([_tracked.UnitAt(Half - first, Half)], _tracked.Written());
        Assert.Equal(0UL, _tracked.HugeBytes);
    }

    [Fact]
    public void Limit_of_pages_in_the_middle_of_a_huge_page_protects_no_more_than_it_tells()
    {
        Unprotect();
        var regions = new PageRegion[4];
        PagemapScanResult result = _tracked.Scanner.Scan(_tracked.Range, Tracked.Harvest with { MaxPages = Half }, regions);
        Assert.Equal(new PagemapScanResult(1, _tracked.UnitAt(Half).Start), result);
        Assert.Equal(_tracked.UnitAt(0, Half), regions[0].Range);
        Assert.Equal([_tracked.UnitAt(Half, Half)], _tracked.Written());
    }

    [Fact]
    public void Looking_at_a_half_keeps_the_whole()
    {
        Unprotect();
        AddressRange half = _tracked.UnitAt(Half, Half);
        Assert.Equal([half], Tracked.Join(_tracked.Scanner.ScanAll(half, Tracked.Look)));
        Assert.Equal(MemoryKinds.HugePage, _tracked.HugeBytes);
        Assert.Equal([_tracked.Range], _tracked.Written());
    }

    /// <summary>Dirty without a write, which would split: the page never was protected.</summary>
    private void Unprotect() => _tracked.Userfaultfd.WriteProtect(_tracked.Range, UffdWriteProtectModes.Unprotect).ThrowIfIncomplete();
}
