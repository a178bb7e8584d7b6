namespace Uffd.Snapshots.Tests.Elf;

/// <summary>A snapshot of any format becomes a core that holds the same.</summary>
public sealed class CoreConverterTests : IDisposable
{
    private const ulong Base = 0x5500_0000_0000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Converted_snapshot_holds_the_same()
    {
        using ElfCore source = Write();
        var progress = new List<ConversionProgress>();

        ConversionReport report = CoreConverter.Convert(source, _folder.File("converted"), progress: progress.Add, cancellation: TestContext.Current.CancellationToken);

        using ElfCore converted = ElfCore.Open(_folder.File("converted"));
        Assert.Empty(new CoreComparer(converted, source).Differences());
        Assert.Empty(new CoreComparer(source, converted).Differences());
        var all = new AddressRange(Base, 300 * Regions.Page);
        Assert.Equal(source.GetRuns(all), converted.GetRuns(all));
        Assert.Equal(source.State.Threads.Select(thread => thread.ThreadId), converted.State.Threads.Select(thread => thread.ThreadId));
        Assert.Equal(4 * Regions.Page, report.CopiedBytes);
        Assert.Equal(progress[^1].TotalBytes, progress[^1].DoneBytes);
        Assert.Equal(204 * Regions.Page, progress[^1].TotalBytes);
    }

    [Fact]
    public void Cancelled_conversion_leaves_nothing()
    {
        using ElfCore source = Write();
        using var cancellation = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(
            () => CoreConverter.Convert(source, _folder.File("converted"), progress: _ => cancellation.Cancel(), cancellation: cancellation.Token));
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    private ElfCore Write()
    {
        using (ElfCoreWriter writer = Regions.Writer(_folder.File("source")))
        {
            writer.Write(Base + (100 * Regions.Page), Regions.Pages(1, 0, 2, 3));
            writer.Write(Base + (251 * Regions.Page), Regions.Pages(0, 4));
            writer.Complete(Regions.State(
                Regions.Of(Base, 200),
                Regions.Of(Base + (250 * Regions.Page), 4, RegionContent.Changed, "/a/file"),
                Regions.Of(Base + (260 * Regions.Page), 4, RegionContent.None)));
        }

        return ElfCore.Open(_folder.File("source"));
    }
}
