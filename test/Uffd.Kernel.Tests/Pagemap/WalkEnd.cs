using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Pagemap;

/// <summary>Where a scan stops, and that it can be gone on with from there.</summary>
public sealed class WalkEnd : IDisposable
{
    private const int Pages = 64;

    private readonly Tracked _tracked = Tracked.Create(units: Pages);

    public void Dispose() => _tracked.Dispose();

    [Fact]
    public void Empty_range_ends_where_it_starts()
    {
        _tracked.WriteAll();
        PagemapScanResult result = _tracked.Scanner.Scan(new AddressRange(_tracked.Range.Start, 0), Tracked.Look, new PageRegion[4]);
        Assert.Equal(new PagemapScanResult(0, _tracked.Range.Start), result);
    }

    [Theory]
    [InlineData(64)]
    [InlineData(1)]
    public void One_run_needs_room_for_one(int room)
    {
        _tracked.WriteAll();
        var regions = new PageRegion[room];
        PagemapScanResult result = _tracked.Scanner.Scan(_tracked.Range, Tracked.Look, regions);
        Assert.Equal(new PagemapScanResult(1, _tracked.Range.End), result);
        Assert.Equal(_tracked.Range, regions[0].Range);
    }

    [Fact]
    public void Nothing_found_ends_at_the_end()
        => Assert.Equal(new PagemapScanResult(0, _tracked.Range.End), _tracked.Scanner.Scan(_tracked.Range, Tracked.Look, new PageRegion[1]));

    [Theory]
    [InlineData(Pages / 2, Pages / 2)]
    [InlineData(1, 1)]
    [InlineData(Pages, Pages)]
    [InlineData(2 * Pages, Pages)]
    [InlineData(0, Pages)] // no limit
    public void Limit_of_pages_ends_behind_the_last_of_them(int limit, int expected)
    {
        _tracked.WriteAll();
        var regions = new PageRegion[4];
        PagemapScanResult result = _tracked.Scanner.Scan(_tracked.Range, Tracked.Look with { MaxPages = (ulong)limit }, regions);
        Assert.Equal(new PagemapScanResult(1, _tracked.UnitAt(0, expected).End), result);
        Assert.Equal(_tracked.UnitAt(0, expected), regions[0].Range);
    }

    [Fact]
    public void Sparse_pages_fill_the_room_and_the_scan_goes_on_behind_them()
    {
        int[] every = [.. Enumerable.Range(0, Pages / 2).Select(index => 2 * index)];
        _tracked.Write(every);
        foreach (int room in (int[])[1, 3, Pages / 2])
        {
            var found = new List<PageRegion>();
            AddressRange rest = _tracked.Range;
            while (!rest.IsEmpty)
            {
                var regions = new PageRegion[room];
                PagemapScanResult result = _tracked.Scanner.Scan(rest, Tracked.Look, regions);
                found.AddRange(regions.Take(result.Regions));
                if (result.WalkEnd != _tracked.Range.End)
                {
                    // The room was full: it stopped behind what it told, and not behind what it did not.
                    Assert.Equal(room, result.Regions);
                    Assert.InRange(result.WalkEnd, found[^1].Range.End, found[^1].Range.End + _tracked.Unit);
                }

                rest = AddressRange.FromBounds(result.WalkEnd, _tracked.Range.End);
            }

            Assert.Equal(every.Select(page => _tracked.UnitAt(page)), found.Select(region => region.Range));
        }
    }

    [Fact]
    public void Limit_of_pages_counts_what_is_found_and_not_what_is_passed()
    {
        _tracked.Write(3, 20, 40);
        var regions = new PageRegion[8];
        PagemapScanResult result = _tracked.Scanner.Scan(_tracked.Range, Tracked.Look with { MaxPages = 2 }, regions);
        Assert.Equal(2, result.Regions);
        Assert.Equal([_tracked.UnitAt(3), _tracked.UnitAt(20)], regions.Take(2).Select(region => region.Range));

        // It walks on to the next page that it would have told.
        Assert.InRange(result.WalkEnd, _tracked.UnitAt(20).End, _tracked.UnitAt(40).Start);
    }

    [Fact]
    public void Protecting_stops_with_the_scan()
    {
        _tracked.WriteAll();
        PagemapScanResult result = _tracked.Scanner.Scan(_tracked.Range, Tracked.Harvest with { MaxPages = 10 }, new PageRegion[1]);
        Assert.Equal(_tracked.UnitAt(0, 10).End, result.WalkEnd);
        Assert.Equal([_tracked.UnitAt(10, Pages - 10)], _tracked.Written());
    }
}
