namespace Uffd.Paging.Tests.Failure;

/// <summary>Files that change under the pager's hands.</summary>
public class FileFailureTests
{
    private const ulong Length = 256 << 10;
    private const ulong Kept = 96 << 10;

    private static readonly AddressSpaceOptions Quick = new() { BackgroundFill = false, SourceRetries = 1, SourceRetryDelay = TimeSpan.FromMilliseconds(1) };

    [Theory]
    [InlineData(0)]
    [InlineData(1000)] // cut inside a page: the kernel shows zeros there, which are not the image's
    public async Task File_that_is_cut_short_costs_what_is_cut(int inside)
    {
        using var folder = new TemporaryFolder();
        using FilePageSource source = Make(folder);
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = Quick });
        Assert.Equal(Pattern.ByteAt(Length - 5), (await served.Target.TouchAsync(Length - 5)).Value); // the last page is there already
        Cut(folder, Kept + (ulong)inside);
        Assert.Equal(Pattern.Hash(Kept), await served.HashAsync(0, Kept));
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(Kept + 2000));
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(Length - (2 * Served.Page)));
        Assert.Equal(Pattern.Hash(Served.Page, offset: Length - Served.Page), await served.HashAsync(Length - Served.Page, Served.Page));
        await Served.UntilAsync(() => served.Statistics.PoisonedPages == 2, "both in the statistics");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    public async Task Background_brings_what_is_left_and_poisons_nothing(int inside)
    {
        using var folder = new TemporaryFolder();
        using FilePageSource source = Make(folder);
        Cut(folder, Kept + (ulong)inside);
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = Quick with { BackgroundFill = true } });
        await Served.UntilAsync(() => served.Statistics.PendingPages == (long)((Length - Kept) / Served.Page), "what is left");
        Assert.Equal(0, served.Statistics.PoisonedPages);
        Assert.Equal(Pattern.Hash(Kept), await served.HashAsync(0, Kept));
        await served.StopAsync();
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(Kept + 2000));
    }

    [Fact]
    public async Task File_that_is_removed_is_served_on()
    {
        using var folder = new TemporaryFolder();
        using FilePageSource source = Make(folder);
        File.Delete(folder.File("image"));
        await using Served served = await Served.StartAsync(Length, source, new Setup { Options = Quick });
        Assert.Equal(Pattern.Hash(Length), await served.HashAsync(0, Length));
    }

    [Fact]
    public void What_is_no_image_is_refused_with_the_reason()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("empty"), []);
        Assert.Contains("empty", Assert.Throws<IOException>(() => FilePageSource.Open(folder.File("empty"))).Message, StringComparison.Ordinal);
        Assert.Contains("folder", Assert.Throws<IOException>(() => FilePageSource.Open(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("no image", Assert.Throws<FileNotFoundException>(() => FilePageSource.Open(folder.File("none"))).Message, StringComparison.Ordinal);
    }

    private static FilePageSource Make(TemporaryFolder folder)
    {
        File.WriteAllBytes(folder.File("image"), Pattern.Bytes(Length));
        return FilePageSource.Open(folder.File("image"));
    }

    private static void Cut(TemporaryFolder folder, ulong length)
    {
        using FileStream file = File.Open(folder.File("image"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength((long)length);
    }
}
