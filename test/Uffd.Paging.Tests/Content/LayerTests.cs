namespace Uffd.Paging.Tests.Content;

/// <summary>A process reads what its layers hold, the newest first, also where a page is of several.</summary>
public class LayerTests
{
    private const ulong Huge = 2 << 20;
    private const ulong Chunk = 64 << 10;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Sparse_files_over_an_image_are_read_as_one(bool background)
    {
        const ulong Length = 32 * Chunk;
        using var folder = new TemporaryFolder();
        Sparse.Write(folder.File("base"), Length, 1, (0, 24 * Chunk)); // its end is a hole, and so zeros
        Sparse.Write(folder.File("old"), Length, 2, (Chunk, 3 * Chunk), (20 * Chunk, Chunk), (30 * Chunk, Chunk));
        Sparse.Write(folder.File("new"), Length, 3, (2 * Chunk, Chunk), (21 * Chunk, 4096), (31 * Chunk + 4096, 4096));
        byte[] expected = [.. Pattern.Bytes(24 * Chunk, 1), .. new byte[8 * Chunk]];
        Put(expected, 2, (Chunk, 3 * Chunk), (20 * Chunk, Chunk), (30 * Chunk, Chunk));
        Put(expected, 3, (2 * Chunk, Chunk), (21 * Chunk, 4096), (31 * Chunk + 4096, 4096));
        using LayeredPageSource source = LayeredPageSource.OpenFiles(folder.File("base"), [folder.File("old"), folder.File("new")]);
        await using Served served = await Served.StartAsync(Length, source, With(background));
        await served.Target.TouchAsync((2 * Chunk) + 5);
        Assert.Equal(NativeTarget.Hash(expected), await served.HashAsync(0, Length));
        await served.ResidentAsync();
        Assert.Equal((long)((7 * Chunk) - 4096) / (long)Served.Page, served.Statistics.ZeroPages); // holes all the way down
        Assert.Empty(served.Notices);
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 0)]
    [InlineData(true, 8)]
    [InlineData(false, 8)]
    public async Task Extents_that_are_no_whole_pages_are_right_to_the_byte(bool background, int concurrency)
    {
        using LayeredPageSource source = MakeUnaligned((int)(64 * Served.Page), concurrency, out byte[] expected);
        await using Served served = await Served.StartAsync(64 * Served.Page, source, With(background));
        Assert.Equal(NativeTarget.Hash(expected), await served.HashAsync(0, 64 * Served.Page));
        await served.ResidentAsync();
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 0)]
    [InlineData(true, 8)]
    [InlineData(false, 8)]
    public async Task Huge_page_is_made_of_all_its_layers(bool background, int concurrency)
    {
        using IDisposable reserved = Requires.HugePages(2);
        using LayeredPageSource source = MakeUnaligned((int)(2 * Huge), concurrency, out byte[] expected);
        await using Served served = await Served.StartAsync(2 * Huge, source, With(background) with { Memory = TargetMemory.Hugetlb, PageSize = Huge });
        Assert.Equal(NativeTarget.Hash(expected), await served.HashAsync(0, 2 * Huge));
        await served.ResidentAsync();
    }

    [Fact]
    public async Task What_a_layer_has_lost_is_lost_and_what_is_below_it_does_not_matter()
    {
        int page = (int)Served.Page;
        var image = new RunSource(1, new Part(SourceRunKind.Data, 4 * page), new Part(SourceRunKind.Poisoned, 2 * page), new Part(SourceRunKind.Data, 2 * page));
        var diff = new RunSource(2, new Part(SourceRunKind.Hole, page), new Part(SourceRunKind.Poisoned, page), new Part(SourceRunKind.Hole, 2 * page), new Part(SourceRunKind.Data, page), new Part(SourceRunKind.Hole, 3 * page));
        using var source = new LayeredPageSource(image, [diff]);
        await using Served served = await Served.StartAsync(8 * Served.Page, source);
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(1 * Served.Page));
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(5 * Served.Page));
        Assert.Equal(Pattern.Hash(Served.Page, 2, 4 * Served.Page), await served.HashAsync(4 * Served.Page, Served.Page)); // lost below, not here
        Assert.Equal(Pattern.Hash(2 * Served.Page, 1, 2 * Served.Page), await served.HashAsync(2 * Served.Page, 2 * Served.Page));
        Assert.Equal(2, served.Statistics.PoisonedPages);
        Assert.Equal(0, served.Statistics.SourceFailures);
    }

    [Fact]
    public async Task Diff_that_is_cut_short_costs_its_own_pages_only()
    {
        const ulong Length = 4 * Chunk;
        using var folder = new TemporaryFolder();
        Sparse.Write(folder.File("base"), Length, 1, (0, Length));
        Sparse.Write(folder.File("diff"), Length, 2, (Chunk, Chunk));
        using LayeredPageSource source = LayeredPageSource.OpenFiles(folder.File("base"), [folder.File("diff")]);
        await using Served served = await Served.StartAsync(Length, source, new Setup
        {
            Options = new AddressSpaceOptions { BackgroundFill = false, SourceRetries = 0 },
        });
        using (FileStream file = File.Open(folder.File("diff"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength((long)Chunk + 4096);
        }

        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(Chunk + 8192)); // and not the base's older bytes
        Assert.Equal(Pattern.Hash(4096, 2, Chunk), await served.HashAsync(Chunk, 4096));
        Assert.Equal(Pattern.Hash(Chunk, 1), await served.HashAsync(0, Chunk));
        Assert.Equal(Pattern.Hash(2 * Chunk, 1, 2 * Chunk), await served.HashAsync(2 * Chunk, 2 * Chunk));
    }

    private static Setup With(bool background) => new() { Options = new AddressSpaceOptions { BackgroundFill = background } };

    private static void Put(byte[] expected, ulong salt, params (ulong Offset, ulong Length)[] parts)
    {
        foreach ((ulong offset, ulong length) in parts)
        {
            Pattern.Bytes(length, salt, offset).CopyTo(expected, (long)offset);
        }
    }

    /// <summary>A base and two layers of extents of odd lengths, as a file system with small blocks has them.</summary>
    private static LayeredPageSource MakeUnaligned(int length, int concurrency, out byte[] expected)
    {
        var random = new Random(length + concurrency);
        RunSource[] layers = [.. Enumerable.Range(1, 3).Select(salt =>
        {
            var parts = new List<Part>();
            for (int left = length; left > 0; left -= parts[^1].Length)
            {
                SourceRunKind kind = salt == 1 || random.Next(3) == 0 ? SourceRunKind.Data : random.Next(5) == 0 ? SourceRunKind.Zero : SourceRunKind.Hole;
                parts.Add(new Part(kind, Math.Min(left, random.Next(2) == 0 ? 512 * random.Next(1, 9) : random.Next(1, 60_000))));
            }

            // The newest is quick, the others are not.
            return new RunSource((ulong)salt, [.. parts]) { Concurrency = salt < 3 ? concurrency : 0 };
        })];
        byte[] bytes = new byte[length];
        for (int at = 0; at < length; at++)
        {
            bytes[at] = (layers.Reverse().FirstOrDefault(layer => layer.KindAt(at) != SourceRunKind.Hole) ?? layers[0]).Bytes[at];
        }

        expected = bytes;
        return new LayeredPageSource(layers[0], layers[1..]);
    }
}
