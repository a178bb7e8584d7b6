namespace Uffd.Snapshots.Tests;

/// <summary>What is told of a process's writes: all of them, and nothing where there were none.</summary>
public class DirtyTrackerTests
{
    private const ulong Page = 4096;
    private const ulong Size = 64 * Page;

    [Fact(Timeout = 60_000)]
    public async Task Writes_of_another_process_are_told_once_they_happened() => await Task.Run(() =>
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var target = new SnapTarget();
        ulong area = target.Do($"map {Size} private");
        target.Do($"fill {area} {Size} {1UL}");
        using var tracker = DirtyTracker.Attach(target.ProcessId);
        tracker.Sample();
        Assert.Empty(Written(tracker.Sample(), area));
        target.Do($"fill {area + (3 * Page)} {2 * Page} {2UL}");
        DirtySample sample = tracker.Sample();
        Assert.Equal([new AddressRange(area + (3 * Page), 2 * Page)], Written(sample, area));
        Assert.True(sample.Mappings.Single(mapping => mapping.Mapping.Range.Contains(area)).ResidentBytes >= Size);
        Assert.Empty(Written(tracker.Sample(), area));
        ulong fresh = target.Do($"map {Size} private");
        target.Do($"fill {fresh} {Page} {3UL}");
        Assert.Contains(tracker.Sample().Mappings, mapping => mapping.Written.Any(range => range.Contains(fresh)));
        target.Tell($"exit");
        target.WaitForExit();
        Assert.Equal(Errno.ESRCH, Assert.Throws<UffdException>(tracker.Sample).Errno);
    }, TestContext.Current.CancellationToken);

    [Fact(Timeout = 60_000)]
    public void Own_writes_are_told_without_tracing()
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var memory = MemoryMapping.CreateAnonymous(Size);
        memory.AsSpan().Fill(1);
        using var tracker = DirtyTracker.Attach(Environment.ProcessId);
        Assert.Equal(TimeSpan.Zero, tracker.AttachPause);
        memory.AsSpan(5 * Page, (int)Page).Fill(2);
        Assert.Contains(tracker.Sample().Mappings, mapping => mapping.Written.Any(range => range.Contains(memory.Address + (5 * Page))));
    }

    // The kernel may have put the area together with its neighbours.
    private static IEnumerable<AddressRange> Written(DirtySample sample, ulong area)
        => sample.Mappings.SelectMany(mapping => mapping.Written).Where(range => range.Overlaps(new AddressRange(area, Size)));
}
