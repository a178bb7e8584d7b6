using Uffd.Kernel.Tests.Support;

namespace Uffd.Kernel.Tests.Pagemap;

/// <summary>
/// A copy that is kept up from scans while six threads write: whatever a scan tells is copied after it, so when the writers
/// have come to their end and one more scan was made, the copy is right, or an update was lost. Each thread has a word of its
/// own in every page, so none hides what another lost.
/// </summary>
public sealed class NoUpdateIsLost
{
    private const int Threads = 6;
    private const int Units = 256;
    private const int Writes = 200_000;

    [Theory]
    [Memory]
    public async Task Six_writing_threads(MemoryKind memory)
    {
        await using TargetArea area = await StartAsync(memory);
        using PagemapScan scan = PagemapScan.Open(area.Target.ProcessId);
        byte[] copy = new byte[area.Range.Length];
        Update(scan, area, copy, Tracked.Harvest);
        int scans = 0;
        for (int round = 0; round < 3; round++)
        {
            TargetJob writers = await area.Target.BeginAsync($"churn {Threads} {Writes} {round} {area.PageSize}");
            Task<string> done = writers.JoinAsync();
            while (!done.IsCompleted)
            {
                Update(scan, area, copy, Tracked.Harvest);
                scans++;
            }

            await done;
            Update(scan, area, copy, Tracked.Harvest);
            Assert.Equal(await area.Target.HashAsync(0, area.Range.Length), NativeTarget.Hash(copy));
        }

        Assert.True(scans >= 3, "the writers were done before there was a scan");
        Assert.Equal(0, Update(scan, area, copy, Tracked.Harvest));
    }

    /// <summary>The positive control: who looks and protects in two steps loses what is written in between, and this test sees it.</summary>
    [Fact]
    public async Task Looking_and_protecting_in_two_steps_loses_updates()
    {
        await using TargetArea area = await StartAsync(MemoryKind.Anonymous);
        using PagemapScan scan = PagemapScan.Open(area.Target.ProcessId);
        byte[] copy = new byte[area.Range.Length];
        Update(scan, area, copy, Tracked.Harvest);
        await area.Target.RunAsync($"churn {Threads} 100 1 {area.PageSize}");
        Update(scan, area, copy, Tracked.Look);
        await area.Target.RunAsync($"churn {Threads} 100 2 {area.PageSize}");
        scan.Scan(area.Range, Tracked.Harvest, []);
        Update(scan, area, copy, Tracked.Harvest);
        Assert.NotEqual(await area.Target.HashAsync(0, area.Range.Length), NativeTarget.Hash(copy));
    }

    private static async Task<TargetArea> StartAsync(MemoryKind memory)
    {
        Requires.Root();
        TargetArea area = await TargetArea.StartAsync(memory, UffdFeatures.WriteProtectAsync, pages: memory.IsHugetlb() ? 4 : Units);
        await area.FillAsync();
        area.Userfaultfd.Register(area.Range, UffdRegisterModes.WriteProtect);
        return area;
    }

    /// <summary>Scans, then copies what the scan told. Gives how many runs that were.</summary>
    private static int Update(PagemapScan scan, TargetArea area, byte[] copy, PagemapScanOptions options)
    {
        using var memory = new FileStream($"/proc/{area.Target.ProcessId}/mem", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        IReadOnlyList<PageRegion> regions = scan.ScanAll(area.Range, options);
        foreach (PageRegion region in regions)
        {
            memory.Position = (long)region.Range.Start;
            memory.ReadExactly(copy.AsSpan((int)(region.Range.Start - area.Range.Start), (int)region.Range.Length));
        }

        return regions.Count;
    }
}
