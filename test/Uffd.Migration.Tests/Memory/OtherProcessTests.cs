using Uffd.Paging;

namespace Uffd.Migration.Tests.Memory;

/// <summary>Another process's memory as what is moved.</summary>
public sealed class OtherProcessTests
{
    private const ulong Size = 4 << 20;
    private const int DontNeed = 4; // MADV_DONTNEED

    private static readonly ulong Page = (ulong)Environment.SystemPageSize;

    [Fact(Timeout = 60_000)]
    public async Task Writes_and_discards_are_told_once_they_happened() => await Task.Run(() =>
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var target = new MemoryTarget();
        ulong area = target.Do($"map {Size} private");
        target.Do($"fill {area} {Size / 2} {1UL}");
        using var memory = ProcessMigrationMemory.Create(target.ProcessId, new AddressRange(area, Size));
        memory.StartTracking();
        Assert.True(memory.AttachPause > TimeSpan.Zero);
        var copy = new MemoryCopy(memory);
        copy.TakeAll();
        Assert.Empty(copy.Take());
        Assert.Equal(new SourceRun(Size / 2, SourceRunKind.Hole), memory.GetRun(Size / 2, Size));
        target.Do($"fill {area + (3 * Page)} {2 * Page} {2UL}");
        target.Do($"advise {area + (8 * Page)} {4 * Page} {(ulong)DontNeed}");
        target.Do($"fill {area + Size - Page} {Page} {3UL}");
        Assert.Equal([new SourceRange(3 * Page, 2 * Page), new SourceRange(8 * Page, 4 * Page), new SourceRange(Size - Page, Page)], copy.Take());
        Assert.Empty(copy.Take());
        byte[] expected = [.. Words(1, Size / 2), .. new byte[Size / 2]];
        Words(2, 2 * Page).CopyTo(expected, (int)(3 * Page));
        expected.AsSpan((int)(8 * Page), (int)(4 * Page)).Clear();
        Words(3, Page).CopyTo(expected, (int)(Size - Page));
        Assert.True(expected.AsSpan().SequenceEqual(copy.Bytes));
    }, TestContext.Current.CancellationToken);

    [Fact(Timeout = 60_000)]
    public async Task None_is_lost_while_it_writes() => await Task.Run(() =>
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var target = new MemoryTarget();
        ulong area = target.Do($"map {Size} private");
        using var memory = ProcessMigrationMemory.Create(target.ProcessId, new AddressRange(area, Size));
        memory.StartTracking();
        var copy = new MemoryCopy(memory);
        copy.TakeAll();
        for (ulong round = 1; round <= 30; round++)
        {
            ulong at = round % 5 * Page;
            target.Tell($"fill {area + at} {Size - (8 * Page)} {round}");
            target.Tell($"advise {area + (round * 7 * Page)} {3 * Page} {(ulong)DontNeed}");
            target.Tell($"fill {area + Size - (8 * Page)} {8 * Page} {round}");
            copy.Take();
            copy.Take();
        }

        for (int answer = 0; answer < 90; answer++)
        {
            target.Answer();
        }

        copy.Take();
        byte[] content = new byte[Size];
        memory.Read(0, content);
        Assert.True(content.AsSpan().SequenceEqual(copy.Bytes), "a write was lost");
        Assert.Equal(30, content[Size - (8 * Page)]);
    }, TestContext.Current.CancellationToken);

    [Fact(Timeout = 60_000)]
    public async Task Process_that_unmaps_or_ends_has_its_memory_gone() => await Task.Run(() =>
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var target = new MemoryTarget();
        ulong area = target.Do($"map {Size} private");
        target.Do($"fill {area} {Size} {1UL}");
        using var unmapped = ProcessMigrationMemory.Create(target.ProcessId, new AddressRange(area, Size));
        unmapped.StartTracking();
        target.Do($"unmap {area + Page} {Page}");
        Assert.Throws<UffdException>(() => unmapped.TakeWritten([]));
        Assert.Throws<IOException>(() => unmapped.Read(0, new byte[2 * Page]));
        unmapped.Read(0, new byte[Page]);
        unmapped.StopTracking();
        using var ended = ProcessMigrationMemory.Create(target.ProcessId, new AddressRange(area + (2 * Page), Page));
        ended.StartTracking();
        target.Tell($"exit");
        target.WaitForExit();
        Assert.Equal(Errno.ESRCH, Assert.Throws<UffdException>(() => ended.TakeWritten([])).Errno);
        Assert.Equal(Errno.ESRCH, Assert.Throws<UffdException>(() => ended.Read(0, new byte[Page])).Errno);
        ended.StopTracking(); // of nobody
    }, TestContext.Current.CancellationToken);

    [Fact(Timeout = 60_000)]
    public async Task Process_goes_on_untouched_when_tracking_has_stopped() => await Task.Run(() =>
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var target = new MemoryTarget();
        ulong area = target.Do($"map {Size} private");
        target.Do($"fill {area} {Size} {1UL}");
        using var memory = ProcessMigrationMemory.Create(target.ProcessId, new AddressRange(area + Page, Size - (2 * Page)));
        memory.StartTracking();
        memory.StopTracking();
        using var scan = PagemapScan.Open(target.ProcessId);
        var followed = new PagemapScanOptions { AllOf = PageCategories.WriteProtectAllowed, Report = PageCategories.WriteProtectAllowed, RequireWriteProtectAsync = false };
        Assert.Empty(scan.ScanAll(new AddressRange(area, Size), followed));
        Assert.NotEqual(0UL, target.Do($"move {area} {Size} {2 * Size}")); // and it is one mapping again
    }, TestContext.Current.CancellationToken);

    private static byte[] Words(ulong seed, ulong length)
    {
        byte[] bytes = new byte[length];
        Span<ulong> words = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(bytes.AsSpan());
        for (int index = 0; index < words.Length; index++)
        {
            words[index] = seed + (ulong)index;
        }

        return bytes;
    }
}
