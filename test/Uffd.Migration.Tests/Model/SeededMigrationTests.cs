using System.Collections.Concurrent;
using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Model;

/// <summary>Whatever befalls a migration, no byte is lost, nothing hangs, and the workload never runs at both sides. More of it: test/Uffd.Migration.Stress.</summary>
public sealed class SeededMigrationTests(ITestOutputHelper output)
{
    private const int Seeds = 100;
    private const int AtOnce = 8; // they wait most of the time

    [Fact]
    public async Task Seeded_migrations_lose_nothing()
    {
        var endings = new ConcurrentBag<MigrationEnding>();
        await Parallel.ForEachAsync(Enumerable.Range(1, Seeds), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = TestContext.Current.CancellationToken }, async (seed, _) =>
        {
            SeededOutcome outcome = await SeededMigration.RunAsync(seed);
            Assert.True(outcome.IsRight, outcome.ToString());
            endings.Add(outcome.Ending);
        });
        foreach (IGrouping<MigrationEnding, MigrationEnding> ending in endings.GroupBy(static ending => ending))
        {
            output.WriteLine($"{ending.Count()} {ending.Key}");
        }

        Assert.True(endings.Count(static ending => ending == MigrationEnding.Completed) > Seeds / 2, "most are completed, or nothing was tested");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Undisturbed_migration_is_completed(int seed)
    {
        SeededOutcome outcome = await SeededMigration.RunAsync(PlanMaker.Undisturbed(seed) with { Source = new MigrationSourceOptions { MaxRounds = seed } });
        Assert.True(outcome.IsRight, outcome.ToString());
        Assert.Equal(MigrationEnding.Completed, outcome.Ending);
    }

    [Theory]
    [InlineData(Sabotage.LosePages, "is another")]
    [InlineData(Sabotage.ZeroPages, "zeros")]
    [InlineData(Sabotage.StalePages, "is another")]
    [InlineData(Sabotage.PoisonPages, "is Poisoned")]
    internal async Task Destination_that_is_wrong_is_found(Sabotage sabotage, string told)
    {
        SeededOutcome outcome = await SeededMigration.RunAsync(Control() with { Sabotage = sabotage });
        Assert.Contains(outcome.Wrong, wrong => wrong.Contains(told, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Workload_that_runs_at_both_sides_is_found()
    {
        SeededOutcome outcome = await SeededMigration.RunAsync(Control() with { IgnoresPause = true });
        Assert.Contains(outcome.Wrong, static wrong => wrong.Contains("while it runs at the source", StringComparison.Ordinal));
    }

    /// <summary>Everything is sent, and most of it again.</summary>
    private static MigrationPlan Control() => PlanMaker.Undisturbed(1) with
    {
        Regions = [new RegionPlan(Pages: 60, HasBase: false, LostShare: 0, HotShare: 1)],
        Burst = 100,
        Source = new MigrationSourceOptions { MaxRounds = 4, MaxDowntime = TimeSpan.FromTicks(1), NotConverging = NotConverging.Stop, BytesPerSecond = 10 << 20 },
    };
}
