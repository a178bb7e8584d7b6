namespace Uffd.Paging.Tests.Content;

/// <summary>What the process reads is what the source holds, whoever brought it.</summary>
public class ContentTests
{
    private const ulong Length = 8 << 20;

    public enum Kind
    {
        Memory,
        File,
        Read,
    }

    public static TheoryData<Kind, bool, TargetMemory> Sources
    {
        get
        {
            var all = new TheoryData<Kind, bool, TargetMemory>();
            foreach (Kind kind in Enum.GetValues<Kind>())
            {
                foreach (TargetMemory memory in Enum.GetValues<TargetMemory>().Where(memory => memory != TargetMemory.Hugetlb))
                {
                    all.Add(kind, true, memory);
                    all.Add(kind, false, memory);
                }
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public async Task Whole_region_is_right_after_random_touches(Kind kind, bool background, TargetMemory memory)
    {
        using var folder = new TemporaryFolder();
        using IPageSource source = Make(kind, folder, Pattern.Bytes(Length, salt: 7));
        await using Served served = await Served.StartAsync(Length, source, new Setup
        {
            Memory = memory,
            Options = new AddressSpaceOptions { BackgroundFill = background },
        });
        Assert.Equal(0UL, await served.RoamAsync(8, 200, salt: 7));
        Assert.Equal(Pattern.Hash(Length, salt: 7), await served.HashAsync(0, Length));
        await served.ResidentAsync();
        AddressSpaceStatistics statistics = served.Statistics;
        Assert.Equal(0, statistics.PendingPages);
        Assert.Equal((long)(Length / Served.Page), statistics.FilledPages);
        Assert.Equal((long)Length, statistics.CopiedBytes);
        Assert.Equal(0, statistics.PoisonedPages + statistics.RemovedPages + statistics.OutsideFaults + statistics.SourceFailures);
        Assert.Empty(served.Notices);
    }

    [Fact]
    public async Task Comparison_finds_one_wrong_word()
    {
        // The control of roam and of the hash.
        byte[] bytes = Pattern.Bytes(4 * Served.Page, salt: 7);
        bytes[Served.Page + 800] ^= 1;
        using MemoryPageSource source = MemoryPageSource.FromBytes(bytes);
        await using Served served = await Served.StartAsync(4 * Served.Page, source);
        Assert.NotEqual(0UL, await served.RoamAsync(1, 100_000, salt: 7));
        Assert.NotEqual(Pattern.Hash(4 * Served.Page, salt: 7), await served.HashAsync(0, 4 * Served.Page));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Regions_have_their_own_parts_of_sources(bool background)
    {
        Requires.Features(UffdFeatures.Poison);
        ulong page = Served.Page;
        using var folder = new TemporaryFolder();
        using FilePageSource file = (FilePageSource)Make(Kind.File, folder, Pattern.Bytes(64 * page));
        using MemoryPageSource memory = MemoryPageSource.FromBytes(Pattern.Bytes(16 * page, salt: 2));
        await using NativeTarget target = await NativeTarget.StartAsync();
        AddressRange first = await target.MapAsync(8 * page);
        AddressRange second = await target.MapAsync(16 * page, TargetMemory.Shmem);
        AddressRange third = await target.MapAsync(32 * page);
        await target.CreateUserfaultfdAsync();
        for (int index = 0; index < 3; index++)
        {
            await target.SelectAsync(index);
            await target.RegisterAsync(UffdRegisterModes.Missing);
        }

        using var pager = new Pager();
        AddressSpace space = pager.Attach(
            await target.HandOverAsync(),
            [
                // The third in two: its halves come from far apart, and touch.
                new AddressSpaceRegion(new AddressRange(third.Start + (16 * page), 16 * page), file, SourceOffset: 2 * page),
                new AddressSpaceRegion(first, file, SourceOffset: 56 * page),
                new AddressSpaceRegion(second, memory),
                new AddressSpaceRegion(new AddressRange(third.Start, 16 * page), file, SourceOffset: 40 * page),
            ],
            new AddressSpaceOptions { BackgroundFill = background });
        await target.SelectAsync(0);
        Assert.Equal(Pattern.Hash(8 * page, offset: 56 * page), await target.HashAsync(0, 8 * page));
        await target.SelectAsync(1);
        Assert.Equal(Pattern.Hash(16 * page, salt: 2), await target.HashAsync(0, 16 * page));
        await target.SelectAsync(2);
        Assert.Equal(Pattern.Hash(16 * page, offset: 40 * page), await target.HashAsync(0, 16 * page));
        Assert.Equal(Pattern.Hash(16 * page, offset: 2 * page), await target.HashAsync(16 * page, 16 * page));
        await space.Resident.WaitAsync(Served.Patience, TestContext.Current.CancellationToken);
        Assert.Equal(56 * page, space.TotalBytes);
    }

    [Theory]
    [InlineData(Kind.Memory, true)]
    [InlineData(Kind.Memory, false)]
    [InlineData(Kind.File, true)]
    [InlineData(Kind.File, false)]
    [InlineData(Kind.Read, true)]
    [InlineData(Kind.Read, false)]
    public async Task Image_may_end_inside_a_page(Kind kind, bool background)
    {
        byte[] bytes = Pattern.Bytes((4 * Served.Page) + 1000);
        using var folder = new TemporaryFolder();
        using IPageSource source = Make(kind, folder, bytes);
        await using Served served = await Served.StartAsync(5 * Served.Page, source, new Setup { Options = new AddressSpaceOptions { BackgroundFill = background } });
        Array.Resize(ref bytes, 5 * (int)Served.Page);
        Assert.Equal(NativeTarget.Hash(bytes), await served.HashAsync(0, 5 * Served.Page));
        await served.ResidentAsync();
    }

    [Fact]
    public async Task Written_pages_stay_written()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(256 * Served.Page));
        await using Served served = await Served.StartAsync(256 * Served.Page, source);
        for (ulong page = 0; page < 256; page += 5)
        {
            await served.Target.WriteAsync(page * Served.Page, 0xa5);
        }

        served.Space.StartBackgroundFill();
        await served.ResidentAsync();
        byte[] expected = Pattern.Bytes(256 * Served.Page);
        for (ulong page = 0; page < 256; page += 5)
        {
            expected[page * Served.Page] = 0xa5;
        }

        Assert.Equal(NativeTarget.Hash(expected), await served.HashAsync(0, 256 * Served.Page));
    }

    internal static IPageSource Make(Kind kind, TemporaryFolder folder, byte[] bytes)
    {
        switch (kind)
        {
            case Kind.Memory:
                return MemoryPageSource.FromBytes(bytes);
            case Kind.File:
                File.WriteAllBytes(folder.File("image"), bytes);
                return FilePageSource.Open(folder.File("image"));
            default:
                return new ReadSource(bytes);
        }
    }
}
