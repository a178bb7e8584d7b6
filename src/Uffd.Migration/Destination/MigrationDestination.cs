namespace Uffd.Migration;

/// <summary>Takes in what a <see cref="MigrationSource"/> moves, and starts the workload here at the switch.</summary>
public sealed class MigrationDestination : IDisposable
{
    /// <summary>Prepares it.</summary>
    /// <param name="options">How.</param>
    public MigrationDestination(MigrationDestinationOptions options) => throw new NotSupportedException();

    /// <summary>Takes it in. Completes when everything is here.</summary>
    /// <param name="link">The connections. Owned from now on.</param>
    /// <param name="cancellation">Before the switch it ends the migration; after it, it is ignored.</param>
    /// <exception cref="MigrationException">It failed before the switch, or was given up after it.</exception>
    public Task<MigrationSummary> RunAsync(MigrationLink link, CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <summary>Goes on over another link of the same session.</summary>
    /// <param name="link">The connections. Owned from now on.</param>
    public void Resume(MigrationLink link) => throw new NotSupportedException();

    /// <summary>After the switch: the source is gone for good. What is still missing fails to be read, so that it is poisoned, and never zeros.</summary>
    /// <param name="reason">Why, for those who touch what is lost.</param>
    public void GiveUp(string reason) => throw new NotSupportedException();

    /// <summary>How far it is.</summary>
    public MigrationProgress GetProgress() => throw new NotSupportedException();

    /// <summary>Ends it; as <see cref="GiveUp"/> where pages are missing. The landings are disposed.</summary>
    public void Dispose()
    {
    }
}
