namespace Uffd.Tests.Memory;

public sealed class PagemapScanTests : IDisposable
{
    private static readonly PagemapScanOptions Harvest = new() { WriteProtect = true };

    private readonly PagemapScan _scan = PagemapScan.OpenSelf();

    public void Dispose() => _scan.Dispose();

    [Fact]
    public void Baseline_then_exactly_what_was_written_once()
    {
        using Arena arena = Tracked(32);
        Write(arena, 3, 4, 5, 20);
        AddressRange[] dirty = [.. _scan.ScanAll(arena.Range, Harvest).Select(region => region.Range)];
        Assert.Equal([arena.PageAt(3, 3), arena.PageAt(20)], dirty);
        Assert.Empty(_scan.ScanAll(arena.Range, Harvest));
        Write(arena, 5);
        Assert.Equal(arena.PageAt(5), Assert.Single(_scan.ScanAll(arena.Range, Harvest)).Range);
        Assert.Equal(0, arena.Reader.Read()); // asynchronous: no message
    }

    [Fact]
    public void Looking_does_not_reset()
    {
        using Arena arena = Tracked(4);
        Write(arena, 1);
        Assert.Single(_scan.ScanAll(arena.Range, new PagemapScanOptions()));
        Assert.Single(_scan.ScanAll(arena.Range, new PagemapScanOptions()));
    }

    [Fact]
    public void Memory_that_was_never_protected_counts_as_written_until_the_baseline()
    {
        using Arena arena = Arena.Create(4, UffdRegisterModes.WriteProtect, UffdFeatures.WriteProtectAsync);
        arena.Mapping.AsSpan().Fill(1); // asynchronous: never waits
        Assert.Equal(arena.Range, Assert.Single(_scan.ScanAll(arena.Range, Harvest)).Range);
        Assert.Empty(_scan.ScanAll(arena.Range, Harvest));
    }

    [Fact]
    public void Memory_without_asynchronous_protection_is_refused_or_written()
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using MemoryMapping mapping = MemoryMapping.CreateAnonymous(Arena.Page);
        mapping.AsSpan()[0] = 1;
        UffdException exception = Assert.Throws<UffdException>(() => _scan.ScanAll(mapping.Range, new PagemapScanOptions()));
        Assert.Equal(Errno.EPERM, exception.Errno);
        Assert.Contains("WP_ASYNC", exception.Message, StringComparison.Ordinal);
        Assert.Single(_scan.ScanAll(mapping.Range, new PagemapScanOptions { RequireWriteProtectAsync = false }));
    }

    [Fact]
    public void Scan_stops_where_the_runs_are_full_and_goes_on_from_there()
    {
        using Arena arena = Tracked(16);
        Write(arena, 1, 3, 5);
        var regions = new PageRegion[2];
        PagemapScanResult first = _scan.Scan(arena.Range, Harvest, regions);
        Assert.Equal(2, first.Regions);
        Assert.Equal([arena.PageAt(1), arena.PageAt(3)], regions.Select(region => region.Range));
        Assert.InRange(first.WalkEnd, arena.PageAt(4).Start, arena.PageAt(5).Start);

        PagemapScanResult second = _scan.Scan(AddressRange.FromBounds(first.WalkEnd, arena.Range.End), Harvest, regions);
        Assert.Equal(1, second.Regions);
        Assert.Equal(arena.PageAt(5), regions[0].Range);
        Assert.Equal(arena.Range.End, second.WalkEnd);
        Assert.Empty(_scan.ScanAll(arena.Range, Harvest));
    }

    [Fact]
    public void Limit_of_pages_holds_for_one_scan_and_for_all()
    {
        using Arena arena = Tracked(16);
        Write(arena, 1, 2, 3, 4, 5);
        var regions = new PageRegion[8];
        PagemapScanResult result = _scan.Scan(arena.Range, Harvest with { MaxPages = 2 }, regions);
        Assert.Equal(1, result.Regions);
        Assert.Equal(arena.PageAt(1, 2), regions[0].Range);
        Assert.Equal(arena.PageAt(3).Start, result.WalkEnd);
        Assert.Equal(arena.PageAt(3, 2), Assert.Single(_scan.ScanAll(arena.Range, Harvest with { MaxPages = 2 })).Range);
        Assert.Equal(arena.PageAt(5), Assert.Single(_scan.ScanAll(arena.Range, Harvest)).Range);
    }

    [Fact]
    public void Limit_of_pages_counts_over_many_runs()
    {
        using Arena arena = Tracked(400);
        int[] every = [.. Enumerable.Range(0, 200).Select(index => 2 * index)];
        Write(arena, every);
        IReadOnlyList<PageRegion> some = _scan.ScanAll(arena.Range, Harvest with { MaxPages = 150 });
        Assert.Equal(every.Take(150).Select(page => arena.PageAt(page)), some.Select(region => region.Range));
        IReadOnlyList<PageRegion> rest = _scan.ScanAll(arena.Range, Harvest);
        Assert.Equal(every.Skip(150).Select(page => arena.PageAt(page)), rest.Select(region => region.Range));
    }

    [Fact]
    public void Protecting_without_asking_for_runs_is_a_baseline()
    {
        using Arena arena = Tracked(4);
        Write(arena, 0, 1, 2, 3);
        PagemapScanResult result = _scan.Scan(arena.Range, Harvest, []);
        Assert.Equal(new PagemapScanResult(0, arena.Range.End), result);
        Assert.Empty(_scan.ScanAll(arena.Range, Harvest));
    }

    [Fact]
    public void Categories_can_be_combined_and_inverted()
    {
        using Arena arena = Tracked(4);
        Write(arena, 2);
        var clean = new PagemapScanOptions
        {
            AllOf = PageCategories.Present | PageCategories.Written,
            Inverted = PageCategories.Written,
            Report = PageCategories.Present | PageCategories.Written | PageCategories.WriteProtectAllowed,
        };
        IReadOnlyList<PageRegion> regions = _scan.ScanAll(arena.Range, clean);
        Assert.Equal([arena.PageAt(0, 2), arena.PageAt(3)], regions.Select(region => region.Range));
        Assert.All(regions, region => Assert.Equal(PageCategories.Present | PageCategories.WriteProtectAllowed, region.Categories));

        IReadOnlyList<PageRegion> any = _scan.ScanAll(arena.Range, new PagemapScanOptions { AllOf = PageCategories.None, AnyOf = PageCategories.Written | PageCategories.Swapped });
        Assert.Equal(arena.PageAt(2), Assert.Single(any).Range);
    }

    [Fact]
    public async Task Another_process_is_tracked_just_as_well()
    {
        Requires.Root();
        Requires.Features(UffdFeatures.WriteProtectAsync);
        await using NativeTarget target = await NativeTarget.StartAsync();
        AddressRange region = await target.MapAsync(8 * Arena.Page);
        await target.FillAsync(0, region.Length, 1);
        await target.CreateUserfaultfdAsync(UffdFeatures.WriteProtectAsync);
        await target.RegisterAsync(UffdRegisterModes.WriteProtect);
        using PagemapScan scan = PagemapScan.Open(target.ProcessId);
        Assert.Equal(region, Assert.Single(scan.ScanAll(region, Harvest)).Range);
        await target.WriteAsync(3 * Arena.Page, 2);
        Assert.Equal(new AddressRange(region.Start + (3 * Arena.Page), Arena.Page), Assert.Single(scan.ScanAll(region, Harvest)).Range);
    }

    [Fact]
    public void Nobodys_page_map_is_told()
    {
        UffdException exception = Assert.Throws<UffdException>(() => PagemapScan.Open(int.MaxValue));
        Assert.Equal(Errno.ENOENT, exception.Errno);
        Assert.Contains("process 2147483647", exception.Message, StringComparison.Ordinal);
    }

    /// <summary>Memory that is present, tracked, and clean.</summary>
    private Arena Tracked(int pages)
    {
        Arena arena = Arena.Create(pages, UffdRegisterModes.WriteProtect, UffdFeatures.WriteProtectAsync);
        arena.Mapping.Advise(MemoryAdvice.NoHugePage);
        arena.Mapping.AsSpan().Fill(1); // asynchronous: never waits
        _scan.Scan(arena.Range, Harvest, []);
        return arena;
    }

    private static void Write(Arena arena, params IEnumerable<int> pages)
    {
        foreach (int page in pages)
        {
            arena.Mapping.AsSpan((ulong)page * Arena.Page, 1)[0]++;
        }
    }
}
