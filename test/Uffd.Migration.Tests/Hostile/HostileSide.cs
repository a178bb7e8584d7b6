using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Hostile;

/// <summary>Runs an honest side against a hostile one, and tells how the honest one ended and what it took.</summary>
internal static class HostileSide
{
    /// <summary>A frame's buffers, threads and what the test itself makes; far below what hostile lengths ask for.</summary>
    public const long MostBytes = 24 << 20;

    public static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    private static readonly TimeSpan Stall = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Resume = TimeSpan.FromMilliseconds(50);

    /// <summary>A destination of at most 1 MiB in at most 4 regions.</summary>
    public static async Task<Exception?> DestinationAsync(WirePeer peer, Action<WirePeer> attack, Violations violations, Action<MigrationDestination>? afterwards = null)
    {
        var landings = new List<TestLanding>();
        int starts = 0;
        using var destination = new MigrationDestination(new MigrationDestinationOptions
        {
            Land = region =>
            {
                var landing = new TestLanding(region, violations);
                landings.Add(landing);
                return landing;
            },
            Start = (_, _) =>
            {
                starts++;
                return ValueTask.CompletedTask;
            },
            MaxRegions = 4,
            MaxBytes = 1 << 20,
            StallTimeout = Stall,
            ResumeTimeout = Resume,
        });
        Task run = destination.RunAsync(peer.Link);
        Task attacking = Task.Factory.StartNew(() => attack(peer), TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Exception? failure;
        if (afterwards is not null)
        {
            await attacking.WaitAsync(Patience);
            afterwards(destination);
        }

        failure = await Record.ExceptionAsync(() => run.WaitAsync(Patience));
        peer.Dispose();
        await attacking.WaitAsync(Patience);
        if (afterwards is null && starts > 0)
        {
            violations.Add("the workload was started");
        }

        return failure;
    }

    /// <summary>A source of a megabyte whose workload writes.</summary>
    public static async Task<(Exception? Failure, TestWorkload Workload, TestMemory Memory)> SourceAsync(WirePeer peer, Action<WirePeer> attack, Violations violations, int rounds = 3)
    {
        var memory = new TestMemory(256, violations);
        var writer = new PageWriter(null, 1);
        writer.Fill(memory, new Random(1), 0);
        var workload = new TestWorkload([memory], [writer], violations, seed: 1, burst: 10);
        using var source = new MigrationSource([memory], ["heap"], workload, new MigrationSourceOptions { MaxRounds = rounds, StallTimeout = Stall, ResumeTimeout = Resume });
        Task run = source.RunAsync(peer.Link);
        Task attacking = Task.Factory.StartNew(() => attack(peer), TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Exception? failure = await Record.ExceptionAsync(() => run.WaitAsync(Patience));
        peer.Dispose();
        await attacking.WaitAsync(Patience);
        return (failure, workload, memory);
    }

    public static void AssertOneLine(Exception? failure)
    {
        MigrationException error = Assert.IsType<MigrationException>(failure);
        Assert.DoesNotContain('\n', error.Message);
        Assert.InRange(error.Message.Length, 10, 500);
    }
}
