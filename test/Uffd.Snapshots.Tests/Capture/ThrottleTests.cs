namespace Uffd.Snapshots.Tests;

/// <summary>A process that writes faster than it is copied.</summary>
public class ThrottleTests
{
    private const int StepsPerSecond = 2_000_000;

    [Theory(Timeout = 300_000)]
    [InlineData(ConvergenceChoice.Throttle)]
    [InlineData(ConvergenceChoice.LongerStop)]
    public async Task Process_that_writes_too_fast_is_copied_all_the_same(ConvergenceChoice choice)
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        await using InvariantProcess process = await InvariantProcess.StartAsync("bank", StepsPerSecond, 64 << 20);
        using var snapshot = new MemorySnapshot();
        SnapshotReport report = await Task.Run(
            () => ProcessSnapshot.Take(process.ProcessId, snapshot, new ProcessSnapshotOptions { MaxPause = TimeSpan.FromMilliseconds(1), WhenNotConverging = choice }, TestContext.Current.CancellationToken),
            TestContext.Current.CancellationToken);
        foreach (IInvariant invariant in process.Invariants())
        {
            invariant.Check(snapshot);
        }

        Assert.True(report.FinalPause <= TimeSpan.FromMilliseconds(1) || report.Warnings.Count > 0);
        await process.EndAsync();
    }
}
