namespace Uffd.Paging.Tests.Content;

/// <summary>Pages of 2 MiB: reserved ones, which are filled whole, and transparent ones, which are not.</summary>
public class HugePageTests
{
    private const ulong Huge = 2 << 20;

    [Theory]
    [InlineData(false, true)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    public async Task Reserved_huge_pages_are_filled_whole(bool shared, bool background)
    {
        using IDisposable reserved = Requires.HugePages(4);
        byte[] bytes = Pattern.Bytes((3 * Huge) + 4096 + 80); // ends inside the fourth
        bytes.AsSpan((int)Huge, (int)Huge).Clear();           // the second is zeros
        using var folder = new TemporaryFolder();
        using IPageSource source = ContentTests.Make(ContentTests.Kind.File, folder, bytes);
        await using Served served = await Served.StartAsync(4 * Huge, source, new Setup
        {
            Memory = TargetMemory.Hugetlb,
            Shared = shared,
            PageSize = Huge,
            Options = new AddressSpaceOptions { BackgroundFill = background },
        });
        Array.Resize(ref bytes, 4 * (int)Huge);
        TouchResult[] touched = await (await served.Target.BeginTouchAsync(4, 3 * Huge, Huge + 5, 123)).JoinTouchesAsync();
        Assert.Equal(bytes[3 * Huge], touched[0].Value);
        Assert.Equal(0, touched[1].Value);
        Assert.Equal(NativeTarget.Hash(bytes), await served.HashAsync(0, 4 * Huge));
        await served.ResidentAsync();
        Assert.Equal(4, served.Statistics.TotalPages);
        Assert.Equal(4, served.Statistics.FilledPages);
        Assert.Empty(served.Notices);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Holes_are_zeros_in_huge_pages_too(bool background)
    {
        using IDisposable reserved = Requires.HugePages(4);
        using var folder = new TemporaryFolder();
        byte[] expected = new byte[4 * Huge];
        using (FileStream file = File.Create(folder.File("image")))
        {
            // The first has both data and a hole, the second is a hole, the third data, the fourth a hole with data at its end.
            file.SetLength(4 * (long)Huge);
            Put(file, 0, Huge / 2);
            Put(file, 2 * Huge, Huge);
            Put(file, (4 * Huge) - 8192, 8192);
        }

        using FilePageSource source = FilePageSource.Open(folder.File("image"));
        await using Served served = await Served.StartAsync(4 * Huge, source, new Setup
        {
            Memory = TargetMemory.Hugetlb,
            PageSize = Huge,
            Options = new AddressSpaceOptions { BackgroundFill = background },
        });
        Assert.Equal(NativeTarget.Hash(expected), await served.HashAsync(0, 4 * Huge));
        await served.ResidentAsync();

        void Put(FileStream file, ulong offset, ulong length)
        {
            byte[] data = Pattern.Bytes(length, offset: offset);
            data.CopyTo(expected, (long)offset);
            file.Position = (long)offset;
            file.Write(data);
        }
    }

    [Fact]
    public async Task Discarded_huge_page_is_zeros()
    {
        using IDisposable reserved = Requires.HugePages(3);
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(3 * Huge));
        await using Served served = await Served.StartAsync(3 * Huge, source, new Setup
        {
            Memory = TargetMemory.Hugetlb,
            PageSize = Huge,
            Features = UffdFeatures.EventRemove,
        });
        await served.Target.TouchAsync(0);
        await served.Target.RunAsync($"dontneed 0 {2 * Huge}"); // one that is there, one that is not
        Assert.Equal(Pattern.HashOfZeros(2 * Huge), await served.HashAsync(0, 2 * Huge));
        Assert.Equal(Pattern.Hash(Huge, offset: 2 * Huge), await served.HashAsync(2 * Huge, Huge));
        Assert.Equal(2, served.Statistics.RemovedPages);
    }

    [Fact]
    public async Task Missing_huge_page_is_poisoned_at_the_end()
    {
        using IDisposable reserved = Requires.HugePages(2);
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(2 * Huge));
        await using Served served = await Served.StartAsync(2 * Huge, source, new Setup { Memory = TargetMemory.Hugetlb, PageSize = Huge });
        await served.Target.TouchAsync(0);
        await served.StopAsync();
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(Huge));
        Assert.Equal(Pattern.Hash(Huge), await served.HashAsync(0, Huge));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Transparent_huge_pages_are_filled_in_small_ones(bool background)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(4 * Huge, salt: 5));
        await using Served served = await Served.StartAsync(4 * Huge, source, new Setup
        {
            Prepare = target => target.AdviseAsync(MemoryAdvice.HugePage, 0, 4 * Huge),
            Features = UffdFeatures.EventRemove,
            Options = new AddressSpaceOptions { BackgroundFill = background },
        });
        Assert.Equal(0UL, await served.RoamAsync(4, 200, salt: 5));
        Assert.Equal(Pattern.Hash(4 * Huge, salt: 5), await served.HashAsync(0, 4 * Huge));
        await served.Target.RunAsync($"dontneed {Huge} {Huge}");
        Assert.Equal(Pattern.HashOfZeros(Huge), await served.HashAsync(Huge, Huge));
        Assert.Equal(0, served.Statistics.PendingPages);
    }

    [Fact]
    public async Task Huge_pages_that_were_there_before_keep_their_bytes()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(8 * Huge));
        await using Served served = await Served.StartAsync(8 * Huge, source, new Setup
        {
            Prepare = async target =>
            {
                await target.AdviseAsync(MemoryAdvice.HugePage, 0, 8 * Huge);
                await target.FillAsync(2 * Huge, 3 * Huge, 9); // at least two of them aligned
            },
            Options = new AddressSpaceOptions(),
        });
        await served.ResidentAsync();
        byte[] expected = Pattern.Bytes(8 * Huge);
        expected.AsSpan(2 * (int)Huge, 3 * (int)Huge).Fill(9);

        // A huge page reaches beyond what was written: there it has zeros, which were the process's own before us.
        Assert.Equal(NativeTarget.Hash(expected.AsSpan(2 * (int)Huge, 3 * (int)Huge)), await served.HashAsync(2 * Huge, 3 * Huge));
        Assert.True(served.Statistics.AlreadyPresent >= 3 * 512);
    }
}
