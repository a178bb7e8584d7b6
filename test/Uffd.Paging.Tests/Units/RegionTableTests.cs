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
        (RegionTable table, long?[] model) = Make(random, source);
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
            table.Map.Dispose();
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
        (RegionTable table, long?[] model) = Make(new Random(1), source);
        int index = Array.FindIndex(model, page => page is not null);
        model[index]++;
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
        table.Map.Dispose();
    }

    [Fact]
    public void Nothing_is_found_in_an_empty_table()
    {
        using var source = new ReadSource(OneByte);
        RegionTable table = RegionTable.Create([new AddressSpaceRegion(new AddressRange(Page, Page), source)]);
        RegionTable empty = table.Without(new AddressRange(0, ulong.MaxValue));
        Assert.Null(empty.Find(Page));
        Assert.Null(empty.FindPage(0));
        Assert.NotNull(table.FindPage(0));
        Assert.Null(table.FindPage(1));
        Assert.Null(table.Find(0));
        Assert.Null(table.Find(2 * Page));
        Assert.Null(table.Find(ulong.MaxValue));
        Assert.NotNull(table.Find((2 * Page) - 1));
        table.Map.Dispose();
    }

    private static (RegionTable Table, long?[] Model) Make(Random random, ReadSource source)
    {
        var regions = new List<AddressSpaceRegion>();
        int pages = 0;
        for (int slot = random.Next(4); slot < Slots;)
        {
            int count = Math.Min(random.Next(1, 20), Slots - slot);
            regions.Add(new AddressSpaceRegion(new AddressRange((ulong)(slot + 1) * Page, (ulong)count * Page), source, ContentOf(pages)));
            pages += count;
            slot += count + random.Next(3);
        }

        RegionTable table = RegionTable.Create([.. regions.OrderBy(_ => random.Next())]);
        long?[] model = new long?[Slots];
        foreach (RegionSlice slice in table.Slices)
        {
            for (long page = slice.FirstPage; page < slice.EndPage; page++)
            {
                model[(int)(slice.AddressOf(page) / Page) - 1] = page;
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

    private static void AssertSame(RegionTable table, long?[] model, string history)
    {
        for (int slot = 0; slot < Slots; slot++)
        {
            ulong address = (ulong)(slot + 1) * Page;
            RegionSlice? found = table.Find(address + 123);
            long? actual = found?.PageOf(address);
            Assert.True(actual == model[slot], $"{history}: page {slot} is {Describe(actual)} and not {Describe(model[slot])}");
            if (model[slot] is { } expected)
            {
                RegionSlice? back = table.FindPage(expected);
                Assert.True(ReferenceEquals(back, found), $"{history}: page {slot} is not found by its number");
                Assert.True(back!.AddressOf(expected) == address, $"{history}: page {slot} is said to be elsewhere");
                Assert.True(found!.SourceOffsetOf(expected) == ContentOf(expected), $"{history}: page {slot} has another's content");
            }
        }

        AddressRange[] ranges = [.. table.Slices.Select(slice => slice.Range)];
        for (int index = 1; index < ranges.Length; index++)
        {
            Assert.True(ranges[index - 1].End <= ranges[index].Start, $"{history}: {ranges[index - 1]} and {ranges[index]} overlap");
        }

        static string Describe(long? page) => page is { } one ? $"page {one}" : "nothing";
    }

    private static void AssertForked(RegionTable table, RegionTable child, string history)
    {
        Assert.True(table.Slices.Select(slice => slice.Range).SequenceEqual(child.Slices.Select(slice => slice.Range)), history);
        Assert.NotSame(table.Map, child.Map);
        for (int index = 0; index < table.Slices.Count; index++)
        {
            Assert.Same(child.Map, child.Slices[index].Map);
            Assert.Equal(table.Slices[index].FirstPage, child.Slices[index].FirstPage);
            Assert.Same(child.Slices[index], child.FindPage(child.Slices[index].FirstPage));
        }

        child.Map.Dispose();
    }

    /// <summary>No two pages share it, so a wrong offset shows.</summary>
    private static ulong ContentOf(long page) => (ulong)(page + 5) * Page;
}
