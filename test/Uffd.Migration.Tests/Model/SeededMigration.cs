namespace Uffd.Migration.Tests.Model;

/// <summary>How a migration ended.</summary>
internal enum MigrationEnding
{
    Hang,
    Completed,

    /// <summary>Everything is at the destination, and the source was never told.</summary>
    CompletedUnacknowledged,

    /// <summary>The workload runs at the source.</summary>
    EndedBeforeSwitch,

    /// <summary>One side was told that the other is gone.</summary>
    GivenUp,
}

/// <summary>What came of a seeded migration.</summary>
/// <param name="Plan">What it was.</param>
/// <param name="Wrong">What does not hold.</param>
/// <param name="Ending">How it ended.</param>
/// <param name="Traffic">By connection and stream, how many bytes the source read and wrote.</param>
/// <param name="Story">All that is known.</param>
internal sealed record SeededOutcome(MigrationPlan Plan, IReadOnlyList<string> Wrong, MigrationEnding Ending, IReadOnlyList<IReadOnlyList<(long Read, long Written)>> Traffic, string Story)
{
    public bool IsRight => Wrong.Count == 0;

    public override string ToString() => $"{string.Join("\n", Wrong)}\n{Story}";
}

/// <summary>Runs migrations that a number describes, and checks them.</summary>
internal static class SeededMigration
{
    public static Task<SeededOutcome> RunAsync(int seed) => RunAsync(PlanMaker.Make(seed));

    public static async Task<SeededOutcome> RunAsync(MigrationPlan plan)
    {
        var wrong = new List<string>();
        var scene = new MigrationScene(plan);
        MigrationEnding ending = MigrationEnding.Hang;
        try
        {
            try
            {
                await scene.RunAsync();
                wrong.AddRange(await Invariants.CheckAsync(scene));
                ending = scene.Source.IsCompletedSuccessfully && scene.Destination.IsCompletedSuccessfully ? MigrationEnding.Completed
                    : scene.Destination.IsCompletedSuccessfully ? MigrationEnding.CompletedUnacknowledged
                    : scene.Starts > 0 ? MigrationEnding.GivenUp : MigrationEnding.EndedBeforeSwitch;
            }
            finally
            {
                int known = scene.Violations.All.Count;
                await scene.DisposeAsync();
                wrong.AddRange(scene.Violations.All.Skip(known));
            }
        }
        catch (Exception exception)
        {
            wrong.Add(exception is TimeoutException ? exception.Message : exception.ToString());
        }

        return new SeededOutcome(plan, wrong, ending, [.. scene.Links.Made.Select(static link => link.Traffic)], scene.Describe());
    }
}
