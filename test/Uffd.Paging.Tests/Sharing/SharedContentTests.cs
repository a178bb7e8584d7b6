using Uffd.Paging.Tests.Content;

namespace Uffd.Paging.Tests.Sharing;

/// <summary>Processes that share an image all read its content, and each its own writes.</summary>
public class SharedContentTests
{
    private const ulong Length = 4 << 20;
    private static readonly ulong Page = Pattern.Page;

    [Theory]
    [InlineData(ContentTests.Kind.Memory, true)]
    [InlineData(ContentTests.Kind.Memory, false)]
    [InlineData(ContentTests.Kind.File, true)]
    [InlineData(ContentTests.Kind.File, false)]
    [InlineData(ContentTests.Kind.Read, true)]
    [InlineData(ContentTests.Kind.Read, false)]
    public async Task Content_is_right_after_random_touches(ContentTests.Kind kind, bool background)
    {
        using var folder = new TemporaryFolder();
        using IPageSource source = ContentTests.Make(kind, folder, Pattern.Bytes(Length, salt: 7));
        using SharedImage image = SharedImage.Create(source);
        await using Clone clone = await Clone.StartAsync(image, options: new AddressSpaceOptions { BackgroundFill = background });
        Assert.Equal("0", await clone.Target.RunAsync("roam 8 200 1 7"));
        Assert.Equal(Pattern.Hash(Length, salt: 7), await clone.HashAsync(0, Length));
        await clone.ResidentAsync();
        AddressSpaceStatistics statistics = clone.Statistics;
        Assert.Equal((long)(Length / Page), statistics.SharedPages);
        Assert.Equal(0, statistics.CopiedBytes + statistics.PoisonedPages + statistics.SourceFailures + statistics.OutsideFaults);
        Assert.Equal(Length, image.FilledBytes);
        Assert.Empty(clone.Notices);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Eight_clones_at_once_are_right_and_no_page_is_read_twice(bool background)
    {
        var source = new CountingSource(Pattern.Bytes(Length));
        using SharedImage image = SharedImage.Create(source);
        using var pager = new Pager();
        var clones = new List<Clone>();
        try
        {
            for (int index = 0; index < 8; index++)
            {
                clones.Add(await Clone.StartAsync(image, pager, new AddressSpaceOptions { BackgroundFill = background }));
            }

            string[] wrong = await Task.WhenAll(clones.Select(clone => clone.Target.RunAsync($"roam 4 500 {clone.Space.Id} 1")));
            Assert.All(wrong, count => Assert.Equal("0", count));
            ulong[] hashes = await Task.WhenAll(clones.Select(clone => clone.HashAsync(0, Length)));
            Assert.All(hashes, hash => Assert.Equal(Pattern.Hash(Length), hash));
            await Task.WhenAll(clones.Select(clone => clone.ResidentAsync()));
            Assert.Empty(source.Repeated);
            Assert.Equal((int)(Length / Page), source.Total);
            Assert.Equal(Length, image.FilledBytes);
            Assert.All(clones, clone => Assert.Equal(0, clone.Statistics.CopiedBytes));
        }
        finally
        {
            await Task.WhenAll(clones.Select(clone => clone.DisposeAsync().AsTask()));
        }
    }

    [Fact]
    public async Task What_a_clone_writes_is_its_own()
    {
        const ulong Pages = 64;
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Pages * Page));
        using SharedImage image = SharedImage.Create(source);
        using var pager = new Pager();
        await using Clone first = await Clone.StartAsync(image, pager);
        await using Clone second = await Clone.StartAsync(image, pager);
        byte[] inFirst = Pattern.Bytes(Pages * Page);
        byte[] inSecond = Pattern.Bytes(Pages * Page);
        await first.HashAsync(0, 32 * Page); // half is there before it is written, of the rest the write is the first touch
        for (ulong page = 0; page < Pages; page += 5)
        {
            Assert.Equal(0xa5, (await first.Target.WriteAsync(page * Page, 0xa5)).Value);
            inFirst[page * Page] = 0xa5;
            ulong other = (page + 2) % Pages;
            Assert.Equal(0x5a, (await second.Target.WriteAsync(other * Page, 0x5a)).Value);
            inSecond[other * Page] = 0x5a;
        }

        Assert.Equal(NativeTarget.Hash(inFirst), await first.HashAsync(0, Pages * Page));
        Assert.Equal(NativeTarget.Hash(inSecond), await second.HashAsync(0, Pages * Page));
        await using Clone third = await Clone.StartAsync(image, pager);
        Assert.Equal(Pattern.Hash(Pages * Page), await third.HashAsync(0, Pages * Page));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Zeros_take_no_memory_and_can_be_written(bool known)
    {
        const int Pages = 64;
        byte[] bytes = Pattern.Bytes(Pages * Page);
        bytes.AsSpan(8 * (int)Page, 40 * (int)Page).Clear();
        using IPageSource source = known
            ? new HostileSource(bytes, run: (offset, length) => offset switch
            {
                var at when at < 8 * Page => new SourceRun(Math.Min(length, (8 * Page) - at), SourceRunKind.Data),
                var at when at < 48 * Page => new SourceRun(Math.Min(length, (48 * Page) - at), SourceRunKind.Hole),
                _ => new SourceRun(length, SourceRunKind.Data),
            })
            : new ReadSource(bytes);
        using SharedImage image = SharedImage.Create(source);
        using var pager = new Pager();
        await using Clone first = await Clone.StartAsync(image, pager);
        await using Clone second = await Clone.StartAsync(image, pager);
        Assert.Equal(7, (await first.Target.WriteAsync(20 * Page, 7)).Value); // a write is the first touch of zeros
        Assert.Equal(0, (await second.Target.TouchAsync(20 * Page)).Value);
        Assert.Equal(9, (await second.Target.WriteAsync(20 * Page, 9)).Value);
        await using Clone third = await Clone.StartAsync(image, pager);
        Assert.Equal(NativeTarget.Hash(bytes), await third.HashAsync(0, Pages * Page));
        bytes[20 * Page] = 7;
        Assert.Equal(NativeTarget.Hash(bytes), await first.HashAsync(0, Pages * Page));
        bytes[20 * Page] = 9;
        Assert.Equal(NativeTarget.Hash(bytes), await second.HashAsync(0, Pages * Page));
        Assert.Equal(24 * Page, image.FilledBytes);
    }

    [Theory]
    [InlineData(UffdFeatures.EventRemove)]
    [InlineData(UffdFeatures.None)]
    public async Task Discarded_pages_are_the_images_again(UffdFeatures features)
    {
        const ulong Pages = 32;
        byte[] bytes = Pattern.Bytes(Pages * Page);
        bytes.AsSpan(12 * (int)Page, 2 * (int)Page).Clear();
        var source = new CountingSource(bytes);
        using SharedImage image = SharedImage.Create(source);
        await using Clone clone = await Clone.StartAsync(image, features: features);
        await clone.HashAsync(0, 16 * Page);
        await clone.Target.WriteAsync(10 * Page, 1);
        await clone.Target.WriteAsync(12 * Page, 1);
        await clone.Target.RunAsync($"dontneed {8 * Page} {16 * Page}"); // 8 that are there, 8 that are not
        await Served.UntilAsync(() => clone.Statistics.RemovedPages == (features == UffdFeatures.None ? 0 : 8), "the removal"); // it went on when it was read
        Assert.Equal(NativeTarget.Hash(bytes), await clone.HashAsync(0, Pages * Page));
        await clone.Target.RunAsync($"dontneed {8 * Page} {4 * Page}");
        Assert.Equal(5, (await clone.Target.WriteAsync(10 * Page, 5)).Value); // a write is the first touch
        bytes[10 * Page] = 5;
        Assert.Equal(NativeTarget.Hash(bytes), await clone.HashAsync(0, Pages * Page));
        await clone.ResidentAsync();
        await Served.UntilAsync(() => clone.Statistics.PendingPages == 0, "the last page's wake-up");
        Assert.Empty(source.Repeated);
        Assert.Empty(clone.Notices);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Storm_of_discards_writes_and_touches_ends_right(bool background)
    {
        const ulong Pages = 1024;
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Pages * Page));
        using SharedImage image = SharedImage.Create(source);
        using var pager = new Pager();
        await using Clone first = await Clone.StartAsync(image, pager, new AddressSpaceOptions { BackgroundFill = background }, UffdFeatures.EventRemove);
        await using Clone second = await Clone.StartAsync(image, pager, new AddressSpaceOptions { BackgroundFill = background }, UffdFeatures.EventRemove);
        await Task.WhenAll(new[] { first, second }.Select(async clone =>
        {
            var random = new Random(clone.Space.Id);
            TargetJob roam = await clone.Target.BeginAsync($"roam 4 20000 {clone.Space.Id} 1");
            for (int turn = 0; turn < 200; turn++)
            {
                ulong page = (ulong)random.Next((int)Pages - 16);
                await clone.Target.RunAsync($"dontneed {page * Page} {16 * Page}");
            }

            Assert.Equal("0", await roam.JoinAsync());
            Assert.Equal(Pattern.Hash(Pages * Page), await clone.HashAsync(0, Pages * Page));
            await Served.UntilAsync(() => clone.Statistics.PendingPages == 0, "the last pages to be counted"); // after those who touched them are woken
        }));
    }

    [Fact]
    public async Task Part_of_an_image_and_memory_of_its_own_side_by_side()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(64 * Page));
        using SharedImage image = SharedImage.Create(source);
        Served.NeedFeatures(SharedImage.RequiredFeatures);
        await using NativeTarget target = await NativeTarget.StartAsync();
        AddressRange shared = await target.MapFileAsync(Clone.PathOf(image.Descriptor), 16 * Page, offset: 8 * Page);
        AddressRange own = await target.MapAsync(8 * Page);
        await target.CreateUserfaultfdAsync();
        await target.RegisterAsync(UffdRegisterModes.Missing);
        await target.SelectAsync(0);
        await target.RegisterAsync(UffdRegisterModes.Missing | UffdRegisterModes.Minor);
        using var pager = new Pager();
        AddressSpace space = pager.Attach(
            await target.HandOverAsync(),
            [AddressSpaceRegion.OfShared(shared, image, 8 * Page), new AddressSpaceRegion(own, source, 40 * Page)]);
        Assert.Equal(Pattern.Hash(16 * Page, offset: 8 * Page), await target.HashAsync(0, 16 * Page));
        await target.SelectAsync(1);
        Assert.Equal(Pattern.Hash(8 * Page, offset: 40 * Page), await target.HashAsync(0, 8 * Page));
        await space.Resident.WaitAsync(Served.Patience, TestContext.Current.CancellationToken);
        Assert.Equal(16, space.GetStatistics().SharedPages);
        Assert.Equal(8 * (long)Page, space.GetStatistics().CopiedBytes);
    }

    [Fact]
    public async Task Image_may_end_inside_a_page()
    {
        byte[] bytes = Pattern.Bytes((4 * Page) + 1000);
        var source = new ReadSource(bytes);
        using SharedImage image = SharedImage.Create(source);
        Assert.Equal(5 * Page, image.Length);
        await using Clone clone = await Clone.StartAsync(image);
        Array.Resize(ref bytes, 5 * (int)Page);
        Assert.Equal(NativeTarget.Hash(bytes), await clone.HashAsync(0, 5 * Page));
    }
}
