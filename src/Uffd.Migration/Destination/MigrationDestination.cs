namespace Uffd.Migration;

/// <summary>Takes in what a <see cref="MigrationSource"/> moves, and starts the workload here at the switch.</summary>
public sealed class MigrationDestination : IDisposable
{
    private readonly MigrationDestinationOptions _options;
    private readonly Tally _tally = new(0);
    private readonly DestinationSession _session;
    private readonly DestinationWork _work;
    private Task<MigrationSummary>? _run;
    private int _isDisposed;

    /// <summary>Prepares it.</summary>
    /// <param name="options">How.</param>
    public MigrationDestination(MigrationDestinationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.StallTimeout, TimeSpan.Zero, nameof(options));
        _options = options;
        _session = new DestinationSession(options, () => _tally);
        _work = new DestinationWork(_session, options, _tally, Tell);
        MigrationMeter.Add(this);
    }

    /// <summary>Takes it in. Completes when everything is here, and the source knows it, or does not come back to hear it.</summary>
    /// <param name="link">The connections. Owned from now on.</param>
    /// <param name="cancellation">Before the switch it ends the migration; after it, it is ignored.</param>
    /// <exception cref="MigrationException">It failed before the switch, or was given up after it.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled before the switch.</exception>
    /// <exception cref="InvalidOperationException">It was called before.</exception>
    public Task<MigrationSummary> RunAsync(MigrationLink link, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(link);
        if (_run is not null)
        {
            throw new InvalidOperationException("a migration runs once");
        }

        _work.Offer(link);
        return _run = Task.Factory.StartNew(() => Run(cancellation), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Goes on over another link of the same session, after one broke or before that is noticed.</summary>
    /// <param name="link">The connections. Owned from now on.</param>
    public void Resume(MigrationLink link)
    {
        ArgumentNullException.ThrowIfNull(link);
        _work.Offer(link);
    }

    /// <summary>After the switch: the source is gone for good. What is still missing fails to be read, so that it is poisoned, and never zeros.</summary>
    /// <param name="reason">Why, for those who touch what is lost.</param>
    public void GiveUp(string reason) => _work.GiveUp(reason);

    /// <summary>How far it is.</summary>
    public MigrationProgress GetProgress()
    {
        ulong missing = _session.Regions.Aggregate(0UL, (sum, region) => sum + region.Pages.MissingBytes);
        ulong left = _tally.Phase is MigrationPhase.PostCopy or MigrationPhase.Switching ? missing - Math.Min(missing, (ulong)_session.ReceivedBytes) : 0;
        return _tally.Snapshot(left, _work.LinkBytes);
    }

    /// <summary>Ends it; as <see cref="GiveUp"/> where pages are missing. The landings are disposed if the workload was not started.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        MigrationMeter.Remove(this);
        _work.GiveUp("the destination was closed");
        if (_run is not null)
        {
            try
            {
                _run.GetAwaiter().GetResult();
            }
            catch (Exception)
            {
                // whoever awaits it knows
            }
        }

        _work.Dispose();
        _session.Dispose();
    }

    private MigrationSummary Run(CancellationToken cancellation)
    {
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(static session => ((DestinationSession)session!).Pulse(), _session);
        return _work.Run(cancellation);
    }

    private void Tell(MigrationEventKind kind, string message) => _options.Observer?.Invoke(new MigrationEvent(kind, MigrationException.OneLine(message), GetProgress()));
}
