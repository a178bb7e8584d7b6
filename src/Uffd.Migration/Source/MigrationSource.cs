namespace Uffd.Migration;

/// <summary>Moves memory to a <see cref="MigrationDestination"/>: by rounds while the workload runs, and the rest when it has stopped, or when it is touched at the destination.</summary>
public sealed class MigrationSource : IDisposable
{
    /// <summary>Prepares a migration.</summary>
    /// <param name="memory">What moves, by region. Not disposed.</param>
    /// <param name="names">What the regions are called, for people; null for numbers.</param>
    /// <param name="workload">Who writes to it.</param>
    /// <param name="options">How; null for the defaults.</param>
    public MigrationSource(IReadOnlyList<IMigrationMemory> memory, IReadOnlyList<string>? names, IMigrationWorkload workload, MigrationSourceOptions? options = null) => throw new NotSupportedException();

    /// <summary>
    /// Moves it. Completes when the destination has everything. Cancelling it before the switch leaves the workload as it was; afterwards it is ignored.
    /// </summary>
    /// <param name="link">The connections. Owned from now on.</param>
    /// <param name="cancellation">Cancels it.</param>
    /// <exception cref="MigrationException">It failed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; the workload goes on here.</exception>
    public Task<MigrationSummary> RunAsync(MigrationLink link, CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <summary>Goes on over another link of the same session, after one broke or before that is noticed.</summary>
    /// <param name="link">The connections. Owned from now on.</param>
    public void Resume(MigrationLink link) => throw new NotSupportedException();

    /// <summary>Switches as soon as may be, whatever is left: the rest goes by post-copy.</summary>
    public void SwitchNow() => throw new NotSupportedException();

    /// <summary>After the switch: says that the destination is gone for good, so that <see cref="RunAsync"/> ends with an error. Pages that it had not fetched are lost to it.</summary>
    public void GiveUp() => throw new NotSupportedException();

    /// <summary>How far it is.</summary>
    public MigrationProgress GetProgress() => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
