using Uffd.Processes;

namespace Uffd.Snapshots.Tests;

/// <summary>The way of kernels without WP_ASYNC, which needs nothing of them: here as well.</summary>
public class StandingCopyTests
{
    [Fact(Timeout = 120_000)]
    public async Task Process_that_stands_for_all_of_the_copy_is_copied_whole() => await Task.Run(() =>
    {
        using var target = new SnapTarget();
        ulong area = target.Do($"map {64UL << 12} private");
        ulong shared = target.Do($"map {64UL << 12} shared");
        target.Do($"fill {area} {32UL << 12} {77UL}");
        target.Do($"fill {shared + (9UL << 12)} {1UL << 12} {78UL}");
        using Tracee tracee = Tracee.Open(target.ProcessId);
        using var snapshot = new MemorySnapshot();
        SnapshotReport report = Uffd.Snapshots.StandingCopy.Take(tracee, target.ProcessId, snapshot, new ProcessSnapshotOptions(), TestContext.Current.CancellationToken);
        Assert.True(LiveMemory.AssertSame(target.ProcessId, snapshot) > 64);
        Assert.Contains("Linux 6.7", Assert.Single(report.Warnings), StringComparison.Ordinal);
        Assert.Equal(TimeSpan.Zero, report.AttachPause);
        target.Do($"fill {area} {32UL << 12} {79UL}"); // it goes on
    }, TestContext.Current.CancellationToken);
}
