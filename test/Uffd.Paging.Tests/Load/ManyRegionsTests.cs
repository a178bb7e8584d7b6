using System.Diagnostics;

namespace Uffd.Paging.Tests.Load;

/// <summary>Address spaces of many regions, and of huge ones.</summary>
[Collection(nameof(AloneCollection))]
public class ManyRegionsTests
{
    private const int Regions = 10_000;
    private const ulong PagesOfRegion = 3;

    [Fact]
    public async Task Ten_thousand_regions_are_faulted_moved_and_unmapped_in_part()
    {
        const UffdFeatures Events = UffdFeatures.EventUnmap | UffdFeatures.EventRemap | UffdFeatures.EventRemove;
        const ulong Length = PagesOfRegion * Regions;
        Served.NeedFeatures(Events);
        int[] places = [.. Enumerable.Range(0, Regions)];
        new Random(5).Shuffle(places); // which part of the image a region shows: neighbours in memory are none there
        using var folder = new TemporaryFolder();
        using FilePageSource source = WriteImage(folder.File("image"), Length * Served.Page);
        await using NativeTarget target = await NativeTarget.StartAsync(Served.Patience);
        AddressRange memory = await target.MapAsync(Length * Served.Page);
        await target.CreateUserfaultfdAsync(Events);
        await target.RegisterAsync(UffdRegisterModes.Missing);
        using var pager = new Pager();
        AddressSpace space = pager.Attach(
            await target.HandOverAsync(),
            [.. places.Select((place, index) => new AddressSpaceRegion(Region(index), source, OffsetOf(place)))],
            new AddressSpaceOptions { BackgroundFill = false, TargetProcess = ProcessHandle.TryOpen(target.ProcessId) });
        Assert.Equal((long)Length, space.GetStatistics().PendingPages);

        // The middle page of each goes before it was touched, and every hundredth region moves.
        var moved = new Dictionary<int, ulong>();
        for (int index = 0; index < Regions; index++)
        {
            await target.RunAsync($"munmap {Region(index).Start + Served.Page - memory.Start} {Served.Page}");
            if (index % 100 == 0)
            {
                moved[index] = Convert.ToUInt64(await target.RunAsync($"remap {Region(index).Start} {Served.Page} {Served.Page} {await PlaceAsync(target)}"), 16);
            }
        }

        for (int index = 0; index < Regions; index++)
        {
            ulong first = moved.GetValueOrDefault(index, Region(index).Start);
            await ExpectAsync(first, OffsetOf(places[index]), index);
            await ExpectAsync(Region(index).End - Served.Page, OffsetOf(places[index]) + (2 * Served.Page), index);
        }

        await space.Resident.WaitAsync(Served.Patience, TestContext.Current.CancellationToken); // a page is there before it is counted
        AddressSpaceStatistics statistics = space.GetStatistics();
        Assert.Equal(0, statistics.PendingPages);
        Assert.Equal(2 * Regions, statistics.DemandPages);
        Assert.InRange(statistics.Events, Regions + moved.Count, long.MaxValue);
        Assert.Equal(0, statistics.OutsideFaults + statistics.PoisonedPages);

        AddressRange Region(int index) => new(memory.Start + ((ulong)index * PagesOfRegion * Served.Page), PagesOfRegion * Served.Page);
        async Task ExpectAsync(ulong address, ulong offset, int index)
            => Assert.True(Pattern.Hash(Served.Page, offset: offset) == await target.HashAsync(unchecked(address - memory.Start), Served.Page), $"region {index} has other content");
    }

    [Fact]
    public async Task Attaching_terabytes_takes_no_longer_than_attaching_megabytes()
    {
        using var folder = new TemporaryFolder();
        using (FileStream file = File.Create(folder.File("image")))
        {
            file.SetLength(4L << 40);
        }

        using FilePageSource source = FilePageSource.Open(folder.File("image"));
        var small = new List<double>();
        var large = new List<double>();
        for (int round = 0; round < 15; round++)
        {
            small.Add(await AttachAsync(1 << 20));
            large.Add(await AttachAsync(4UL << 40));
        }

        // The best of each: on a busy machine the middle one tells of the others, and work that grows with the size is in all of them.
        double ratio = large.Min() / small.Min();
        TestContext.Current.TestOutputHelper?.WriteLine($"attaching 4 TiB takes {large.Min():0} us, {ratio:0.00} times as long as 1 MiB");
        Assert.InRange(ratio, 0, 4);

        async Task<double> AttachAsync(ulong length)
        {
            await using NativeTarget target = await NativeTarget.StartAsync(Served.Patience);
            AddressRange range = await target.MapAsync(length);
            await target.CreateUserfaultfdAsync(UffdFeatures.None);
            await target.RegisterAsync(UffdRegisterModes.Missing);
            Userfaultfd userfaultfd = await target.HandOverAsync();
            using var pager = new Pager();
            long start = Stopwatch.GetTimestamp();
            AddressSpace space = pager.Attach(userfaultfd, [new AddressSpaceRegion(range, source)], new AddressSpaceOptions { BackgroundFill = false });
            double taken = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            Assert.Equal(length, space.TotalBytes);
            await target.CrashAsync(); // so that there is nothing to settle
            return taken;
        }
    }

    [Fact]
    public async Task What_was_never_touched_is_settled_as_a_whole()
    {
        // What it prints is in docs/serving.md: the time, and 8 bytes of the process's page tables for each page.
        const ulong Length = 16UL << 30;
        using var folder = new TemporaryFolder();
        using (FileStream file = File.Create(folder.File("image")))
        {
            file.SetLength((long)Length);
        }

        using FilePageSource source = FilePageSource.Open(folder.File("image"));
        await using Served served = await Served.StartAsync(Length, source);
        await served.Target.TouchAsync(5 * Served.Page);
        long start = Stopwatch.GetTimestamp();
        await served.StopAsync(TimeSpan.FromSeconds(60));
        double taken = Stopwatch.GetElapsedTime(start).TotalSeconds;
        TestContext.Current.TestOutputHelper?.WriteLine($"settling took {taken * 1e9 / (Length / Served.Page):0} ns a page, and {File.ReadLines($"/proc/{served.Target.ProcessId}/status").First(line => line.StartsWith("VmPTE", StringComparison.Ordinal))}");
        Assert.Equal((long)(Length / Served.Page) - 1, served.Statistics.PoisonedPages);
        Assert.Equal(TouchResult.Sigbus, await served.Target.TouchAsync(Length / 2));
        Assert.Equal(0, (await served.Target.TouchAsync(5 * Served.Page)).Value);
    }

    private static ulong OffsetOf(int place) => (ulong)place * PagesOfRegion * Served.Page;

    private static async Task<ulong> PlaceAsync(NativeTarget target) => Convert.ToUInt64(await target.RunAsync($"place {Served.Page}"), 16);

    private static FilePageSource WriteImage(string path, ulong length)
    {
        using (FileStream file = File.Create(path))
        {
            byte[] part = new byte[1 << 20];
            for (ulong offset = 0; offset < length; offset += (ulong)part.Length)
            {
                Pattern.Fill(part, salt: 1, offset);
                file.Write(part.AsSpan(0, (int)Math.Min((ulong)part.Length, length - offset)));
            }
        }

        return FilePageSource.Open(path);
    }
}
