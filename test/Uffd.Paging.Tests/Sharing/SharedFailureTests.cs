namespace Uffd.Paging.Tests.Sharing;

/// <summary>What cannot be had is lost to those who touch it, and to nobody else.</summary>
public class SharedFailureTests
{
    private const ulong Bad = 3;
    private const ulong Pages = 32;

    private static readonly ulong Page = Pattern.Page;

    public enum Speed
    {
        /// <summary>Read on the thread that serves the fault.</summary>
        Quick,

        /// <summary>Read elsewhere, several at once.</summary>
        Slow,
    }

    [Theory]
    [InlineData(Speed.Quick)]
    [InlineData(Speed.Slow)]
    public async Task Page_that_cannot_be_had_is_poisoned_for_those_who_touch_it(Speed speed)
    {
        bool fails = true;
        var source = new FlakySource(Pattern.Bytes(Pages * Page), (page, _) => page == Bad && Volatile.Read(ref fails));
        using SharedImage image = SharedImage.Create(Of(source, speed));
        using var pager = new Pager();
        await using Clone first = await Clone.StartAsync(image, pager);
        await using Clone second = await Clone.StartAsync(image, pager);
        TouchResult[] touched = await (await first.Target.BeginTouchAsync(4, Bad * Page)).JoinTouchesAsync();
        Assert.All(touched, result => Assert.Equal(TouchResult.Sigbus, result));
        Assert.Equal(4, source.TimesOf(Bad).Count);
        Assert.Equal(4, first.Statistics.SourceFailures);
        await AssertOnlyBadIsLostAsync(first);

        // The one who has not touched it yet has it when it can be had again.
        Volatile.Write(ref fails, false);
        Assert.Equal(Pattern.Hash(Pages * Page), await second.HashAsync(0, Pages * Page));
        Assert.Equal(TouchResult.Sigbus, await first.Target.TouchAsync(Bad * Page));
        Assert.Equal(0, second.Statistics.PoisonedPages);
    }

    [Theory]
    [InlineData(Speed.Quick)]
    [InlineData(Speed.Slow)]
    public async Task Clones_that_wait_for_one_page_all_hear_that_it_cannot_be_had(Speed speed)
    {
        using var gated = new GatedSource(Pattern.Bytes(Pages * Page), (offset, _) => offset == Bad * Page) { Outcome = new IOException("lost") };
        using SharedImage image = SharedImage.Create(Of(gated, speed));
        using var pager = new Pager();
        var clones = new List<Clone>();
        try
        {
            var jobs = new List<TargetJob>();
            for (int index = 0; index < 4; index++)
            {
                clones.Add(await Clone.StartAsync(image, pager, new AddressSpaceOptions { BackgroundFill = false, SourceRetries = 1 }));
                jobs.Add(await clones[index].Target.BeginTouchAsync(2, Bad * Page));
            }

            await gated.ArrivedAsync();
            await Task.WhenAll(clones.Skip(1).Select(clone => Served.UntilAsync(() => clone.Statistics.Faults >= 2, "faults")));

            // Who waits for a page that somebody else is bringing is held up in nothing else.
            Assert.Equal(Pattern.ByteAt(9 * Page), (await clones[3].Target.TouchAsync(9 * Page)).Value);
            gated.Outcome = null;
            int before = gated.Reads;
            Assert.Equal(2, before);
            gated.Open();
            foreach (TargetJob job in jobs)
            {
                Assert.All(await job.JoinTouchesAsync(), result => Assert.Equal(Pattern.ByteAt(Bad * Page), result.Value));
            }

            Assert.Equal(before, gated.Reads);
        }
        finally
        {
            gated.Open();
            await Task.WhenAll(clones.Select(clone => clone.DisposeAsync().AsTask()));
        }
    }

    [Theory]
    [InlineData(Speed.Quick)]
    [InlineData(Speed.Slow)]
    public async Task Background_goes_on_behind_a_page_that_fails_and_comes_back_to_it(Speed speed)
    {
        var source = new FlakySource(Pattern.Bytes(Pages * Page), (page, before) => page == Bad && before < 6);
        using SharedImage image = SharedImage.Create(Of(source, speed));
        await using Clone clone = await Clone.StartAsync(image, options: new AddressSpaceOptions());
        await Served.UntilAsync(() => clone.Statistics.PendingPages <= 1, "all but one");
        await clone.ResidentAsync();
        Assert.Equal(Pattern.Hash(Pages * Page), await clone.HashAsync(0, Pages * Page));
        Assert.Equal(0, clone.Statistics.PoisonedPages);
    }

    [Fact]
    public async Task Poisoned_page_of_the_source_is_poisoned_in_each_clone_also_after_a_discard()
    {
        using var source = new HostileSource(
            Pattern.Bytes(Pages * Page),
            run: (offset, length) => offset == Bad * Page ? new SourceRun(Page, SourceRunKind.Poisoned)
                : new SourceRun(offset < Bad * Page ? Math.Min(length, (Bad * Page) - offset) : length, SourceRunKind.Data));
        using SharedImage image = SharedImage.Create(source);
        using var pager = new Pager();
        await using Clone first = await Clone.StartAsync(image, pager, features: UffdFeatures.EventRemove);
        await using Clone second = await Clone.StartAsync(image, pager, new AddressSpaceOptions());
        await AssertOnlyBadIsLostAsync(first);
        await AssertOnlyBadIsLostAsync(second);
        await first.Target.RunAsync($"dontneed 0 {Pages * Page}");
        await AssertOnlyBadIsLostAsync(first);
    }

    [Fact]
    public async Task Full_file_system_is_a_failure_of_its_pages_and_not_the_end()
    {
        Requires.Root();
        using var folder = new TemporaryFolder();
        using var tmpfs = new SmallTmpfs(folder, (Pages / 2) * Page);
        using SafeDescriptorHandle file = tmpfs.CreateFile("image", Pages * Page);
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Pages * Page));
        using (SharedImage image = SharedImage.Over(source, ImageMemory.Over(MemoryMapping.MapMemfd(file, Pages * Page), file)))
        {
            await using Clone clone = await Clone.StartAsync(image, options: new AddressSpaceOptions { BackgroundFill = false, ReadAheadBytes = 0, SourceRetryDelay = TimeSpan.FromMilliseconds(1) });
            for (ulong page = 0; page < Pages; page++)
            {
                TouchResult expected = page < Pages / 2 ? new TouchResult(Pattern.ByteAt(page * Page), Signal: null) : TouchResult.Sigbus;
                Assert.Equal(expected, await clone.Target.TouchAsync(page * Page));
            }

            Assert.Contains(clone.Notices, notice => notice.Message.Contains("there is no memory for the shared image", StringComparison.Ordinal));
            clone.Space.StartBackgroundFill();
            await clone.ResidentAsync();
        }

        // The control: a store would have been a signal.
        await using NativeTarget target = await NativeTarget.StartAsync();
        await target.MapFileAsync(Clone.PathOf(file), Pages * Page, shared: true);
        Assert.Equal(TouchResult.Sigbus, await target.WriteAsync((Pages - 1) * Page, 1));
    }

    [Fact]
    public async Task Full_file_system_is_a_failure_also_where_the_page_is_there_already()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Page));
        using var memfd = MemoryMapping.CreateMemfd("test", Page);
        var memory = ImageMemory.Over(MemoryMapping.MapMemfd(memfd.Descriptor!, Page), memfd.Descriptor!);
        using SharedImage image = SharedImage.Over(source, memory);
        memfd.AsSpan()[0] = 1; // there, not by us
        await using Clone clone = await Clone.StartAsync(image);
        Assert.Equal(Pattern.Hash(Page), await clone.HashAsync(0, Page));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Overwrite(Page, memfd.Address, Page));
    }

    [Fact]
    public async Task File_that_is_cut_short_loses_only_what_was_not_read()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllBytesAsync(folder.File("image"), Pattern.Bytes(Pages * Page), TestContext.Current.CancellationToken);
        using FilePageSource source = FilePageSource.Open(folder.File("image"));
        using SharedImage image = SharedImage.Create(source);
        using var pager = new Pager();
        await using Clone first = await Clone.StartAsync(image, pager, new AddressSpaceOptions { BackgroundFill = false, ReadAheadBytes = 0, SourceRetryDelay = TimeSpan.FromMilliseconds(1) });
        await first.HashAsync(0, 8 * Page);
        await using (var file = new FileStream(folder.File("image"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(4 * (long)Page);
        }

        await using Clone second = await Clone.StartAsync(image, pager, new AddressSpaceOptions { BackgroundFill = false, ReadAheadBytes = 0, SourceRetryDelay = TimeSpan.FromMilliseconds(1) });
        Assert.Equal(Pattern.Hash(8 * Page), await second.HashAsync(0, 8 * Page));
        Assert.Equal(TouchResult.Sigbus, await second.Target.TouchAsync(8 * Page));
        Assert.Equal(TouchResult.Sigbus, await first.Target.TouchAsync(20 * Page));
    }

    private static IPageSource Of(IPageSource source, Speed speed) => speed == Speed.Slow ? new DelayedSource(source, concurrency: 4) : source;

    private static async Task AssertOnlyBadIsLostAsync(Clone clone)
    {
        Assert.Equal(Pattern.Hash(Bad * Page), await clone.HashAsync(0, Bad * Page));
        Assert.Equal(TouchResult.Sigbus, await clone.Target.TouchAsync(Bad * Page));
        Assert.Equal(Pattern.Hash((Pages - Bad - 1) * Page, offset: (Bad + 1) * Page), await clone.HashAsync((Bad + 1) * Page, (Pages - Bad - 1) * Page));
    }
}
