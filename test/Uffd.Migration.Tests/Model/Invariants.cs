using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Model;

/// <summary>
/// What must hold however a migration ended: it was completed, and everything is at the destination as it was when the workload stood; or it ended before the switch, and the
/// workload runs at the source as if nothing had been; and never at both.
/// </summary>
internal static class Invariants
{
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    /// <summary>All that does not hold; none when all is well.</summary>
    /// <param name="scene">It has run, and is not disposed.</param>
    public static async Task<IReadOnlyList<string>> CheckAsync(MigrationScene scene)
    {
        var wrong = new List<string>(scene.Violations.All);
        Exception? source = FailureOf(scene.Source, wrong);
        Exception? destination = FailureOf(scene.Destination, wrong);
        bool mayHaveMoved = source is null or MigrationException { MayHaveMoved: true };
        if (scene.Plan.MustComplete && !scene.IsGivenUp && (source ?? destination) is { } failure)
        {
            wrong.Add($"it failed, and nothing had happened that keeps it from being completed: {failure.Message}");
        }

        if (source is null && destination is not null && !scene.IsGivenUp && scene.Plan.Disturbance is not (Disturbance.LoseDestination or Disturbance.FailStart))
        {
            wrong.Add($"it is completed at the source, and failed at the destination: {destination.Message}");
        }

        if (source is OperationCanceledException && scene.Plan.Disturbance != Disturbance.CancelSource && !scene.IsGivenUp)
        {
            wrong.Add("the source was cancelled, and nobody did that");
        }

        if (scene.IsGivenUp && source is not null && scene.Destination.IsCompletedSuccessfully && (await scene.Destination).IsAcknowledged)
        {
            wrong.Add($"the end is acknowledged, and the source did not know of it: {source.Message}");
        }

        if (destination is null || (scene.Starts > 0 && scene.Plan.Disturbance is not (Disturbance.LoseDestination or Disturbance.FailStart)))
        {
            await CheckContentAsync(scene, mayBeGivenUp: destination is not null, wrong);
        }

        if (mayHaveMoved)
        {
            CheckMoved(scene, source, wrong);
        }
        else
        {
            await CheckStayedAsync(scene, destination, wrong);
        }

        return wrong;
    }

    private static void CheckMoved(MigrationScene scene, Exception? source, List<string> wrong)
    {
        if (!scene.Regions.Workload.Stands)
        {
            wrong.Add("the workload runs at the source after the switch");
        }

        if (source is null && scene.Starts != 1)
        {
            wrong.Add($"it is completed, and the workload was started {scene.Starts} times");
        }
    }

    private static async Task CheckStayedAsync(MigrationScene scene, Exception? destination, List<string> wrong)
    {
        TestWorkload workload = scene.Regions.Workload;
        if (scene.Starts != 0 || destination is null)
        {
            wrong.Add("it ended before the switch, and the workload was started at the destination");
        }

        if (workload.IsPaused || workload.Throttled != 0 || scene.Regions.Memories.Any(static memory => memory.IsTracked))
        {
            wrong.Add($"it ended before the switch, and the source is not as it was: {(workload.IsPaused ? "it stands" : "it runs")}, slowed down by {workload.Throttled}, {(scene.Regions.Memories.Any(static memory => memory.IsTracked) ? "tracked" : "not tracked")}");
        }

        long before = workload.Writes;
        using var patience = new CancellationTokenSource(Patience);
        while (scene.Plan.Burst > 0 && workload.Writes == before && !patience.IsCancellationRequested)
        {
            await Task.Delay(1);
        }

        if (patience.IsCancellationRequested)
        {
            wrong.Add("it ended before the switch, and the workload does nothing");
        }
    }

    private static async Task CheckContentAsync(MigrationScene scene, bool mayBeGivenUp, List<string> wrong)
    {
        if (scene.Regions.Workload.Images is not { } images || scene.Landings.Count != images.Count || scene.Landings.Any(static landing => !landing.IsSwitched))
        {
            wrong.Add("it is completed at the destination, and there was no switch");
            return;
        }

        foreach (TestLanding landing in scene.Landings)
        {
            if (await Task.WhenAny(landing.Completed, Task.Delay(Patience)) != landing.Completed)
            {
                wrong.Add($"reads of region {landing.Region.Index} wait, and nobody will answer them");
            }

            if (landing.FindDifference(images[landing.Region.Index], mayBeGivenUp) is { } difference)
            {
                wrong.Add(difference);
            }
        }
    }

    private static Exception? FailureOf(Task side, List<string> wrong)
    {
        if (!side.IsCompleted)
        {
            wrong.Add("a side has not ended");
            return new TimeoutException();
        }

        Exception? failure = side.IsCanceled ? new OperationCanceledException() : side.Exception?.InnerException;
        if (failure is not (null or OperationCanceledException or MigrationException or ObjectDisposedException))
        {
            wrong.Add($"it failed with something else than an error of its own: {failure}");
        }

        if (failure is MigrationException && (failure.Message.Contains('\n', StringComparison.Ordinal) || failure.Message.Length is 0 or > 500))
        {
            wrong.Add($"the message is not one line: {failure.Message}");
        }

        return failure;
    }
}
