namespace Uffd.Paging.Tests.Sharing;

/// <summary>Processes that share an image fork, move, die and are given up.</summary>
public class SharedLifeTests
{
    private const ulong Pages = 64;

    private static readonly ulong Page = Pattern.Page;
    private static readonly byte[] Bytes = WithZeros();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Forked_child_shares_it_too(bool writesFirst)
    {
        var source = new CountingSource(Bytes);
        using SharedImage image = SharedImage.Create(source);
        await using Clone clone = await Clone.StartAsync(image, features: Served.AllEvents);
        await clone.HashAsync(0, 40 * Page);
        byte[] inParent = (byte[])Bytes.Clone();
        byte[] inChild = (byte[])Bytes.Clone();
        if (writesFirst)
        {
            await clone.Target.WriteAsync(0, 0x11); // with pages of its own the child inherits all that is there, without none
            inParent[0] = inChild[0] = 0x11;
        }

        await clone.Target.ForkAsync();
        TargetCommands child = clone.Target.Child;
        await child.WriteAsync(3 * Page, 0x33);
        inChild[3 * Page] = 0x33;
        await clone.Target.WriteAsync(50 * Page, 0x55);
        inParent[50 * Page] = 0x55;
        Assert.Equal(NativeTarget.Hash(inChild), await child.HashAsync(0, Pages * Page));
        Assert.Equal(NativeTarget.Hash(inParent), await clone.HashAsync(0, Pages * Page));
        foreach (AddressSpace space in clone.Space.Pager.AddressSpaces)
        {
            space.StartBackgroundFill();
            await space.Resident.WaitAsync(Served.Patience, TestContext.Current.CancellationToken);
        }

        Assert.Equal(NativeTarget.Hash(inChild), await child.HashAsync(0, Pages * Page));
        Assert.Empty(source.Repeated);
        await child.RunAsync("exit");
    }

    [Fact]
    public async Task Moved_memory_is_still_the_image()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Bytes);
        using SharedImage image = SharedImage.Create(source);
        await using Clone clone = await Clone.StartAsync(image, features: Served.AllEvents);
        await clone.HashAsync(0, 8 * Page);
        await clone.Target.RunAsync($"mremap 0 {Pages * Page}");
        Assert.Equal(NativeTarget.Hash(Bytes), await clone.HashAsync(0, Pages * Page));
        await clone.ResidentAsync();
    }

    [Fact]
    public async Task When_the_pager_stops_what_the_image_has_is_there_and_the_rest_is_poisoned()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Bytes);
        using SharedImage image = SharedImage.Create(source);
        using var pager = new Pager();
        await using Clone first = await Clone.StartAsync(image, pager);
        await using Clone second = await Clone.StartAsync(image, pager);
        await first.HashAsync(0, 40 * Page);
        await second.Target.TouchAsync(0);
        await Served.DisposeInTimeAsync(pager);
        Assert.Equal(NativeTarget.Hash(Bytes.AsSpan(0, 40 * (int)Page)), await second.HashAsync(0, 40 * Page));
        for (ulong page = 40; page < Pages; page++)
        {
            Assert.Equal(TouchResult.Sigbus, await second.Target.TouchAsync(page * Page));
        }

        Assert.Equal((long)Pages - 40, second.Statistics.PoisonedPages);
        Assert.Equal(0, second.Statistics.PendingPages);
    }

    [Theory]
    [InlineData(FaultFailurePolicy.Poison)]
    [InlineData(FaultFailurePolicy.Terminate)]
    public async Task Where_the_image_is_whole_a_process_needs_the_pager_no_more(FaultFailurePolicy policy)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Bytes);
        using SharedImage image = SharedImage.Create(source);
        using var pager = new Pager();
        await using (Clone filling = await Clone.StartAsync(image, pager))
        {
            await filling.HashAsync(0, Pages * Page);
        }

        // It keeps its userfaultfd, so whatever is still registered would wait for ever.
        await using Clone clone = await Clone.StartAsync(image, pager, new AddressSpaceOptions { BackgroundFill = false, FailurePolicy = policy }, UffdFeatures.EventRemove, keepsCopy: true);
        await clone.HashAsync(0, 20 * Page);
        await Served.DisposeInTimeAsync(clone.Space);
        Assert.False(clone.Target.HasExited);
        Assert.Equal(NativeTarget.Hash(Bytes), await clone.HashAsync(0, Pages * Page));
        await clone.Target.RunAsync($"dontneed 0 {Pages * Page}");
        Assert.Equal(NativeTarget.Hash(Bytes), await clone.HashAsync(0, Pages * Page));
        Assert.Equal(0, clone.Statistics.PoisonedPages);
    }

    [Fact]
    public async Task Image_that_is_disposed_serves_those_who_have_it()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Bytes);
        SharedImage image = SharedImage.Create(source);
        await using Clone clone = await Clone.StartAsync(image);
        image.Dispose();
        image.Dispose();
        Assert.Equal(NativeTarget.Hash(Bytes), await clone.HashAsync(0, Pages * Page));
        await clone.Target.CrashAsync();
        await clone.Space.Ended.WaitAsync(Served.Patience, TestContext.Current.CancellationToken);
        await Served.UntilAsync(() => image.Descriptor.IsClosed, "the memfd to be closed");
        Assert.Throws<ObjectDisposedException>(image.AddUser);
    }

    [Fact]
    public async Task Clone_that_is_killed_while_it_fills_holds_up_no_other()
    {
        using var source = new GatedSource(Bytes, (offset, _) => offset == 9 * Page);
        using SharedImage image = SharedImage.Create(source);
        using var pager = new Pager();
        await using Clone killed = await Clone.StartAsync(image, pager);
        await using Clone other = await Clone.StartAsync(image, pager);
        await killed.Target.BeginTouchAsync(1, 9 * Page);
        await source.ArrivedAsync();
        TargetJob waits = await other.Target.BeginTouchAsync(2, 9 * Page);
        await Served.UntilAsync(() => other.Statistics.Faults >= 2, "the faults");
        await killed.Target.CrashAsync();
        source.Open();
        Assert.All(await waits.JoinTouchesAsync(), result => Assert.Equal(Pattern.ByteAt(9 * Page), result.Value));
        await killed.Space.Ended.WaitAsync(Served.Patience, TestContext.Current.CancellationToken);
        Assert.Equal(NativeTarget.Hash(Bytes), await other.HashAsync(0, Pages * Page));
        Assert.Equal(1, source.Reads - (int)Pages + 1);
    }

    [Theory]
    [InlineData("anon")]
    [InlineData("memfd shared")]
    [InlineData("memfd private")]
    public async Task Who_says_that_other_memory_is_the_image_loses_its_own_pages_only(string memory)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Pages * Page));
        using SharedImage image = SharedImage.Create(source);
        using var pager = new Pager();
        Served.NeedFeatures(SharedImage.RequiredFeatures);
        await using NativeTarget liar = await NativeTarget.StartAsync();
        await liar.RunAsync($"map {Pages * Page} {memory}");
        AddressRange region = await liar.GetRegionAsync();
        await liar.CreateUserfaultfdAsync();
        await liar.RegisterAsync(UffdRegisterModes.Missing);
        AddressSpace space = pager.Attach(
            await liar.HandOverAsync(),
            [AddressSpaceRegion.OfShared(region, image)],
            new AddressSpaceOptions { SourceRetryDelay = TimeSpan.FromMilliseconds(1) });
        await using Clone honest = await Clone.StartAsync(image, pager, new AddressSpaceOptions());
        TouchResult[] touched = await (await liar.BeginTouchAsync(2, 0, 5 * Page)).JoinTouchesAsync();
        Assert.All(touched, result => Assert.Equal(TouchResult.Sigbus, result));
        Assert.Equal(Pattern.Hash(Pages * Page), await honest.HashAsync(0, Pages * Page));
        await Served.UntilAsync(() => space.GetStatistics().PoisonedPages == 2, "both pages"); // counted after their threads were told
        await liar.CrashAsync();
        await space.Ended.WaitAsync(Served.Patience, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Regions_that_cannot_share_are_refused()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(1024 * Page));
        using MemoryPageSource other = MemoryPageSource.FromBytes(Pattern.Bytes(1024 * Page));
        using SharedImage image = SharedImage.Create(source);
        var region = AddressSpaceRegion.OfShared(new AddressRange(1UL << 30, 1024 * Page), image);
        Assert.Null(AddressSpaceRegion.Validate([region]));
        Assert.Contains("2097152", AddressSpaceRegion.Validate([region with { PageSize = 2 << 20 }]), StringComparison.Ordinal);
        Assert.Contains("source", AddressSpaceRegion.Validate([region with { Source = other }]), StringComparison.Ordinal);
        Assert.Contains("beyond", AddressSpaceRegion.Validate([region with { SourceOffset = Page }]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Slow_source_is_read_several_times_at_once_and_never_more_than_it_wants(bool background)
    {
        const ulong Many = 1024;
        var counting = new CountingSource(Pattern.Bytes(Many * Page));
        var source = new DelayedSource(counting, concurrency: 6, TimeSpan.FromMilliseconds(1));
        using SharedImage image = SharedImage.Create(source);
        using var pager = new Pager();
        await using Clone first = await Clone.StartAsync(image, pager, new AddressSpaceOptions { BackgroundFill = background });
        await using Clone second = await Clone.StartAsync(image, pager, new AddressSpaceOptions { BackgroundFill = background });
        string[] wrong = await Task.WhenAll(first.Target.RunAsync("roam 8 200 3 1"), second.Target.RunAsync("roam 8 200 4 1"));
        Assert.All(wrong, count => Assert.Equal("0", count));
        first.Space.StartBackgroundFill();
        second.Space.StartBackgroundFill();
        await first.ResidentAsync();
        await second.ResidentAsync();
        Assert.Equal(Pattern.Hash(Many * Page), await first.HashAsync(0, Many * Page));
        Assert.Equal(Pattern.Hash(Many * Page), await second.HashAsync(0, Many * Page));
        Assert.Empty(counting.Repeated);
        Assert.InRange(source.Most, 2, 6);
    }

    private static byte[] WithZeros()
    {
        byte[] bytes = Pattern.Bytes(Pages * Page);
        bytes.AsSpan(20 * (int)Page, 4 * (int)Page).Clear();
        return bytes;
    }
}
