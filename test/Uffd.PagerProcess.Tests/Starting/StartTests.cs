using System.Diagnostics;
using Uffd.PagerProcess.Client;
using Uffd.PagerProcess.Tests.Support;
using Uffd.Paging;

namespace Uffd.PagerProcess.Tests.Starting;

/// <summary>A start that fails says why in one line, soon, and leaves nothing behind.</summary>
public class StartTests
{
    [Fact]
    public void Missing_pager_program_is_named()
    {
        using var image = new TestImage(1);
        UffdException exception = Assert.Throws<UffdException>(() => RawPagedRegion.Start(image.Describe(), RegionTouch.Small with { PagerPath = "/nowhere/pager" }));
        Assert.Contains("/nowhere/pager", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("#!/bin/sh\nexit 7\n", "status 7")]
    [InlineData("#!/bin/sh\nexec sleep 60\n", "did not connect within")]
    public void Program_that_is_none_is_told(string script, string expected)
    {
        Requires.KernelFaults();
        using var folder = new TemporaryFolder();
        using var image = new TestImage(1);
        string path = folder.File("pager");
        File.WriteAllText(path, script);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        long start = Stopwatch.GetTimestamp();
        UffdException exception = Assert.Throws<UffdException>(
            () => RawPagedRegion.Start(image.Describe(), RegionTouch.Small with { PagerPath = path, StartTimeout = TimeSpan.FromSeconds(1) }));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TestTime.Scaled(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void File_that_cannot_be_executed_is_told()
    {
        Requires.KernelFaults();
        using var image = new TestImage(1);
        UffdException exception = Assert.Throws<UffdException>(() => RawPagedRegion.Start(image.Describe(), RegionTouch.Small with { PagerPath = image.Path }));
        Assert.Contains("cannot be started", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Stores_refusal_is_told()
    {
        Requires.KernelFaults();
        UffdException exception = Assert.Throws<UffdException>(() => RawPagedRegion.Start(Regions.Describe("/nowhere/image"), RegionTouch.Small));
        Assert.Contains("/nowhere/image", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Empty_store_is_refused()
    {
        Requires.KernelFaults();
        using var image = new TestImage(0);
        UffdException exception = Assert.Throws<UffdException>(() => RawPagedRegion.Start(image.Describe(), RegionTouch.Small));
        Assert.Contains("empty", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("No.Such.Type", "has no type No.Such.Type")]
    [InlineData("Uffd.PagerProcess.Client.NoFactory", "is no IPageStoreFactory")]
    public void Factory_that_is_none_is_told(string type, string expected)
    {
        Requires.KernelFaults();
        UffdException exception = Assert.Throws<UffdException>(
            () => RawPagedRegion.Start(StoreDescription.Custom(typeof(TestStoreFactory).Assembly.Location, type, ""), RegionTouch.Small));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_assembly_is_told()
    {
        Requires.KernelFaults();
        UffdException exception = Assert.Throws<UffdException>(() => RawPagedRegion.Start(StoreDescription.Custom("/nowhere/own.dll", "Some.Type", ""), RegionTouch.Small));
        Assert.Contains("/nowhere/own.dll", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_that_make_no_sense_are_named()
    {
        using var image = new TestImage(1);
        RawRegionOptions[] wrong =
        [
            new() { MemoryLimit = 4096 },
            new() { LowWatermark = 0.99 },
            new() { HighWatermark = double.NaN },
            new() { ReadAheadBytes = 1UL << 40 },
            new() { Retries = -1 },
            new() { EndTimeout = TimeSpan.Zero },
            new() { OnDispose = (RegionDisposal)9 },
        ];
        Assert.All(wrong, options => Assert.Throws<ArgumentException>(() => RawPagedRegion.Start(image.Describe(), options)));
        Assert.Throws<ArgumentException>(() => RawPagedRegion.Start(StoreDescription.Custom("/a.dll", "T", new string('x', StoreDescription.MostCharacters + 1)), RegionTouch.Small));
    }

    [Fact]
    public void Nothing_is_left_in_the_folder_for_temporary_files()
    {
        Requires.KernelFaults();
        using var image = new TestImage(1);
        string[] before = Sockets();
        using (RawPagedRegion.Start(image.Describe(), RegionTouch.Small))
        {
            Assert.Empty(Sockets().Except(before, StringComparer.Ordinal));
        }

        static string[] Sockets() => [.. Directory.EnumerateDirectories(Path.GetTempPath(), "uffd-*").Where(folder => File.Exists(Path.Combine(folder, "s")))];
    }
}
