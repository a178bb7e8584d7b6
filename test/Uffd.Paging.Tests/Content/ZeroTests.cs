namespace Uffd.Paging.Tests.Content;

/// <summary>Zeros cost no memory.</summary>
public class ZeroTests
{
    private const ulong Extent = 1 << 20; // of data, and as much hole behind it

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Holes_are_mapped_as_zeros_and_not_copied(bool background)
    {
        const ulong Length = 8 * Extent;
        using var folder = new TemporaryFolder();
        byte[] expected = WriteSparse(folder.File("image"), Length);
        using FilePageSource source = FilePageSource.Open(folder.File("image"));
        Requires.That(source.DataBytes == Length / 2, "this file system has no holes of 1 MiB");
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = new AddressSpaceOptions { BackgroundFill = background } });
        Assert.Equal(NativeTarget.Hash(expected), await served.HashAsync(0, Length));
        await served.ResidentAsync();
        ulong half = Length / 2 / Served.Page;
        Assert.Equal((long)half, served.Statistics.ZeroPages);
        Assert.Equal((long)Length / 2, served.Statistics.CopiedBytes);
        Assert.Equal(half, served.CountPages(PageCategories.ZeroPage));
        Assert.Equal(2 * half, served.CountPages(PageCategories.Present));
        Assert.InRange(Resident(served), Length / 2, Length - Extent); // the zero page is nobody's
    }

    [Fact]
    public async Task Without_holes_the_memory_is_there_whole()
    {
        // The control of the one above: the same bytes, copied.
        const ulong Length = 8 * Extent;
        using var folder = new TemporaryFolder();
        byte[] bytes = WriteSparse(folder.File("image"), Length);
        await using Served served = await Served.StartAsync(Length, new ReadSource(bytes));
        await served.HashAsync(0, Length);
        Assert.Equal(0, served.Statistics.ZeroPages);
        Assert.Equal(0UL, served.CountPages(PageCategories.ZeroPage));
        Assert.True(Resident(served) >= Length, "copied zeros must cost memory");
    }

    [Theory]
    [InlineData(ContentTests.Kind.Memory)]
    [InlineData(ContentTests.Kind.File)]
    [InlineData(ContentTests.Kind.Read)]
    public async Task Pages_of_zeros_in_data_are_found_by_the_background_fill(ContentTests.Kind kind)
    {
        byte[] bytes = Pattern.Bytes(64 * Served.Page);
        int zeros = 0;
        foreach (int page in (int[])[0, 3, 4, 5, 40, 63])
        {
            bytes.AsSpan(page * (int)Served.Page, (int)Served.Page).Clear();
            zeros++;
        }

        bytes[(3 * (int)Served.Page) - 1] = 1; // almost
        bytes.AsSpan(2 * (int)Served.Page, (int)Served.Page - 1).Clear();
        using var folder = new TemporaryFolder();
        using IPageSource source = ContentTests.Make(kind, folder, bytes);
        await using Served served = await Served.StartAsync(64 * Served.Page, source, new Setup { Options = new AddressSpaceOptions() });
        await served.ResidentAsync();
        Assert.Equal(zeros, served.Statistics.ZeroPages);
        Assert.Equal((ulong)zeros, served.CountPages(PageCategories.ZeroPage));
        Assert.Equal(NativeTarget.Hash(bytes), await served.HashAsync(0, 64 * Served.Page));
    }

    [Fact]
    public async Task File_of_nothing_but_a_hole_is_zeros()
    {
        using var folder = new TemporaryFolder();
        using (FileStream file = File.Create(folder.File("image")))
        {
            file.SetLength((long)Extent);
        }

        using FilePageSource source = FilePageSource.Open(folder.File("image"));
        await using Served served = await Served.StartAsync(Extent, source, new Setup { Options = new AddressSpaceOptions() });
        Assert.Equal(Pattern.HashOfZeros(Extent), await served.HashAsync(0, Extent));
        await served.ResidentAsync();
        Assert.Equal(0, served.Statistics.CopiedBytes);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(4096 + 17)]
    public async Task Hole_that_is_not_whole_pages_is_data(int run)
    {
        // A source that knows of zeros more finely than pages: 0..run are zeros, then data, in every 3 pages.
        byte[] bytes = Pattern.Bytes(12 * Served.Page);
        ulong period = 3 * Served.Page;
        for (int start = 0; start < bytes.Length; start += (int)period)
        {
            bytes.AsSpan(start, run).Clear();
        }

        SourceRun Run(ulong offset, ulong length)
        {
            ulong inside = offset % period;
            return inside < (ulong)run
                ? new SourceRun(Math.Min(length, (ulong)run - inside), SourceRunKind.Zero)
                : new SourceRun(Math.Min(length, period - inside), SourceRunKind.Data);
        }

        foreach (bool background in (bool[])[true, false])
        {
            await using Served served = await Served.StartAsync(
                12 * Served.Page,
                new HostileSource(bytes, Run),
                new Setup { Options = new AddressSpaceOptions { BackgroundFill = background } });
            Assert.Equal(NativeTarget.Hash(bytes), await served.HashAsync(0, 12 * Served.Page));
        }
    }

    /// <summary>Data and holes in turn; gives what the file reads.</summary>
    private static byte[] WriteSparse(string path, ulong length)
    {
        byte[] expected = new byte[length];
        using FileStream file = File.Create(path);
        file.SetLength((long)length);
        for (ulong offset = 0; offset < length; offset += 2 * Extent)
        {
            byte[] data = Pattern.Bytes(Extent, offset: offset);
            data.CopyTo(expected, (long)offset);
            file.Position = (long)offset;
            file.Write(data);
        }

        return expected;
    }

    /// <summary>What of the region counts as the process's memory.</summary>
    private static ulong Resident(Served served)
    {
        string name = $"{served.Region.Start:x}-";
        string[] lines = File.ReadAllLines($"/proc/{served.Target.ProcessId}/smaps");
        int start = Array.FindIndex(lines, line => line.StartsWith(name, StringComparison.Ordinal));
        string rss = lines.Skip(start).First(line => line.StartsWith("Rss:", StringComparison.Ordinal));
        return ulong.Parse(rss.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture) << 10;
    }
}
