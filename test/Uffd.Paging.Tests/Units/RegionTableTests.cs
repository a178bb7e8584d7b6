namespace Uffd.Paging.Tests.Units;

/// <summary>The table of regions against a model that knows each page by itself.</summary>
public class RegionTableTests
{
    private const ulong Page = 4096;
    private const ulong Huge = 2 << 20;
    private const int Slots = 96; // places of a page each

    private static readonly byte[] OneByte = [1];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Table_agrees_with_the_model(int seed)
    {
        string history = $"seed {seed}";
        var random = new Random(seed);
        using var source = new ReadSource(OneByte);
        (RegionTable table, (PageStateMap Map, long Page)?[] model) = Make(random, source);
        try
        {
            for (int step = 0; step < 60; step++)
            {
                int from = random.Next(Slots);
                int count = random.Next(1, Slots - from + 1);
                var range = new AddressRange((ulong)(from + 1) * Page, (ulong)count * Page);
                switch (random.Next(3))
                {
                    case 0:
                        history += $"; without {from}+{count}";
                        table = table.Without(range);
                        Array.Clear(model, from, count);
                        break;
                    case 1:
                        int to = FreeOf(random, from, count);
                        if (to < 0)
                        {
                            continue;
                        }

                        history += $"; {from}+{count} to {to}";
                        table = table.Moved(range, (ulong)(to + 1) * Page);
                        var taken = model[from..(from + count)];
                        Array.Clear(model, from, count);
                        taken.CopyTo(model, to);
                        break;
                    default:
                        history += "; fork";
                        RegionTable child = table.Fork();
                        AssertForked(table, child, history);
                        break;
                }

                AssertSame(table, model, history);
            }
        }
        finally
        {
            foreach (PageStateMap map in table.Slices.Select(slice => slice.Map).Distinct())
            {
                map.Dispose();
            }
        }
    }

    [Fact]
    public void Table_agrees_with_the_model_for_new_seeds_each_time()
    {
        int seed = Environment.TickCount; // a failure tells which
        for (int index = 0; index < 20; index++)
        {
            Table_agrees_with_the_model(unchecked(seed + index));
        }
    }

    [Fact]
    public void Comparison_finds_one_page_that_is_elsewhere()
    {
        // The control of the one above.
        using var source = new ReadSource(OneByte);
        (RegionTable table, (PageStateMap Map, long Page)?[] model) = Make(new Random(1), source);
        int index = Array.FindIndex(model, page => page is not null);
        model[index] = (model[index]!.Value.Map, model[index]!.Value.Page + 1);
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => AssertSame(table, model, "control"));
    }

    [Fact]
    public void Pages_that_are_cut_are_left()
    {
        // The kernel tells ranges that are no whole huge pages, and keeps the pages at their ends.
        using var source = new ReadSource(new byte[4 * Huge]);
        RegionTable table = RegionTable.Create([new AddressSpaceRegion(new AddressRange(Huge, 4 * Huge), source, SourceOffset: 0, Huge)]);
        RegionTable cut = table.Without(new AddressRange(Huge + Page, (2 * Huge) + Page));
        Assert.Equal([new AddressRange(Huge, Huge), new AddressRange(3 * Huge, 2 * Huge)], cut.Slices.Select(slice => slice.Range));
        Assert.Same(table.Slices[0], Assert.Single(table.Without(new AddressRange(Huge + Page, Huge)).Slices));
        Assert.Equal(2, cut.Slices[1].PageOf(3 * Huge));
        Assert.Equal(2 * Huge, cut.Slices[1].SourceOffset);
        table.Slices[0].Map.Dispose();
    }

    [Fact]
    public void Nothing_is_found_in_an_empty_table()
    {
        using var source = new ReadSource(OneByte);
        RegionTable table = RegionTable.Create([new AddressSpaceRegion(new AddressRange(Page, Page), source)]);
        RegionTable empty = table.Without(new AddressRange(0, ulong.MaxValue));
        Assert.Null(empty.Find(Page));
        Assert.Null(empty.Find(table.Slices[0].Map, 0));
        Assert.Null(table.Find(0));
        Assert.Null(table.Find(2 * Page));
        Assert.Null(table.Find(ulong.MaxValue));
        Assert.NotNull(table.Find((2 * Page) - 1));
        table.Slices[0].Map.Dispose();
    }

    private static (RegionTable Table, (PageStateMap Map, long Page)?[] Model) Make(Random random, ReadSource source)
    {
        var regions = new List<AddressSpaceRegion>();
        for (int slot = random.Next(4); slot < Slots;)
        {
            int count = Math.Min(random.Next(1, 20), Slots - slot);
            regions.Add(new AddressSpaceRegion(new AddressRange((ulong)(slot + 1) * Page, (ulong)count * Page), source, (ulong)slot * Page));
            slot += count + random.Next(3);
        }

        RegionTable table = RegionTable.Create([.. regions.OrderBy(_ => random.Next())]);
        var model = new (PageStateMap Map, long Page)?[Slots];
        foreach (RegionSlice slice in table.Slices)
        {
            for (long page = slice.FirstPage; page < slice.EndPage; page++)
            {
                model[(int)(slice.AddressOf(page) / Page) - 1] = (slice.Map, page);
            }
        }

        return (table, model);
    }

    /// <summary>A place that does not overlap, as mremap demands; -1 when none was found.</summary>
    private static int FreeOf(Random random, int from, int count)
    {
        for (int attempt = 0; attempt < 20; attempt++)
        {
            int to = random.Next(Slots - count + 1);
            if (to + count <= from || to >= from + count)
            {
                return to;
            }
        }

        return -1;
    }

    private static void AssertSame(RegionTable table, (PageStateMap Map, long Page)?[] model, string history)
    {
        for (int slot = 0; slot < Slots; slot++)
        {
            ulong address = (ulong)(slot + 1) * Page;
            RegionSlice? found = table.Find(address + 123);
            (PageStateMap Map, long Page)? actual = found is null ? null : (found.Map, found.PageOf(address));
            Assert.True(actual == model[slot], $"{history}: page {slot} is {Describe(actual)} and not {Describe(model[slot])}");
            if (model[slot] is { } expected)
            {
                RegionSlice? back = table.Find(expected.Map, expected.Page);
                Assert.True(ReferenceEquals(back, found), $"{history}: page {slot} is not found by its map");
                Assert.True(back!.AddressOf(expected.Page) == address, $"{history}: page {slot} is said to be elsewhere");
                ulong first = found!.SourceOffsetOf(found.PageOf(address)) - ((ulong)expected.Page * Page);
                Assert.True(first == found.SourceOffset - ((ulong)found.FirstPage * Page), $"{history}: page {slot} has another's content");
            }
        }

        AddressRange[] ranges = [.. table.Slices.Select(slice => slice.Range)];
        for (int index = 1; index < ranges.Length; index++)
        {
            Assert.True(ranges[index - 1].End <= ranges[index].Start, $"{history}: {ranges[index - 1]} and {ranges[index]} overlap");
        }

        static string Describe((PageStateMap Map, long Page)? page) => page is { } one ? $"page {one.Page} of a map of {one.Map.Pages}" : "nothing";
    }

    private static void AssertForked(RegionTable table, RegionTable child, string history)
    {
        Assert.True(table.Slices.Select(slice => slice.Range).SequenceEqual(child.Slices.Select(slice => slice.Range)), history);
        for (int index = 0; index < table.Slices.Count; index++)
        {
            Assert.NotSame(table.Slices[index].Map, child.Slices[index].Map);
            Assert.Equal(table.Slices[index].FirstPage, child.Slices[index].FirstPage);
        }

        // Slices of one map are slices of one map in the child too.
        Assert.Equal(table.Slices.Select(slice => slice.Map).Distinct().Count(), child.Slices.Select(slice => slice.Map).Distinct().Count());
        foreach (PageStateMap map in child.Slices.Select(slice => slice.Map).Distinct())
        {
            map.Dispose();
        }
    }
}
