namespace Uffd.Paging.Tests.Sharing;

/// <summary>A process that has the memfd can harm neither the image nor those who share it.</summary>
public class SealTests
{
    private static readonly ulong Page = Pattern.Page;

    [Theory]
    [InlineData("write")]
    [InlineData("shrink")]
    [InlineData("grow")]
    [InlineData("punch")]
    [InlineData("map")]
    [InlineData("seal")]
    public async Task Nobody_can_change_the_image(string how)
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(8 * Page));
        using SharedImage image = SharedImage.Create(source);
        await using Clone clone = await Clone.StartAsync(image);
        await clone.HashAsync(0, 4 * Page);
        TargetReply reply = await clone.Target.TryAsync($"tamper {Clone.PathOf(image.Descriptor)} {how}");
        Assert.Equal(Errno.EPERM, reply.Errno);
        Assert.Equal(Pattern.Hash(8 * Page), await clone.HashAsync(0, 8 * Page));
    }

    [Theory]
    [InlineData("write", false)]
    [InlineData("shrink", false)]
    [InlineData("grow", false)]
    [InlineData("punch", false)]
    [InlineData("map", false)]
    [InlineData("seal", true)]
    public async Task Without_seals_all_of_that_works(string how, bool sealable)
    {
        // The control.
        await using NativeTarget target = await NativeTarget.StartAsync();
        using var memfd = MemoryMapping.CreateMemfd("open", 8 * Page, new MemoryMappingOptions { Sealable = sealable });
        if (sealable)
        {
            Memfd.Seal(memfd.Descriptor!, MemfdSeals.Shrink);
            memfd.Protect(MappingAccess.Read);
        }

        TargetReply reply = await target.TryAsync($"tamper {Clone.PathOf(memfd.Descriptor!)} {how}");
        Assert.Equal(sealable ? Errno.EBUSY : Errno.None, reply.Errno); // EBUSY: this test's own mapping stands against that seal, and not another seal
    }

    [Fact]
    public async Task Page_that_somebody_has_read_before_it_came_is_not_taken_for_filled()
    {
        // A read through a mapping that is not registered puts zeros into the memfd, which look like a page that is there.
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(8 * Page));
        using SharedImage image = SharedImage.Create(source);
        await using NativeTarget spoiler = await NativeTarget.StartAsync();
        await spoiler.MapFileAsync(Clone.PathOf(image.Descriptor), 8 * Page);
        Assert.Equal(0, (await spoiler.TouchAsync(0)).Value);
        Assert.Equal(0, (await spoiler.TouchAsync(3 * Page)).Value);
        Assert.Equal(0, (await spoiler.TouchAsync(6 * Page)).Value);
        await using Clone clone = await Clone.StartAsync(image);
        Assert.Equal(Pattern.ByteAt(3 * Page), (await clone.Target.TouchAsync(3 * Page)).Value);
        clone.Space.StartBackgroundFill();
        await clone.ResidentAsync();
        Assert.Equal(Pattern.Hash(8 * Page), await clone.HashAsync(0, 8 * Page));
        Assert.Equal(Pattern.Hash(8 * Page), await spoiler.HashAsync(0, 8 * Page));
    }

    [Fact]
    public async Task Page_of_a_file_that_somebody_has_read_before_it_came_is_not_taken_for_filled()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllBytesAsync(folder.File("image"), Pattern.Bytes(8 * Page), TestContext.Current.CancellationToken);
        using FilePageSource source = FilePageSource.Open(folder.File("image"));
        using SharedImage image = SharedImage.Create(source);
        await using NativeTarget spoiler = await NativeTarget.StartAsync();
        await spoiler.MapFileAsync(Clone.PathOf(image.Descriptor), 8 * Page);
        Assert.Equal(Pattern.HashOfZeros(8 * Page), await spoiler.HashAsync(0, 8 * Page));
        await using Clone clone = await Clone.StartAsync(image);
        Assert.Equal(Pattern.Hash(8 * Page), await clone.HashAsync(0, 8 * Page)); // by demand: straight from the file's mapping where that is possible
    }
}
