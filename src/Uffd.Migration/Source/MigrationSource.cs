namespace Uffd.Migration;

/// <summary>Moves memory to a <see cref="MigrationDestination"/>: by rounds while the workload runs, and the rest when it has stopped, or when it is touched at the destination.</summary>
public sealed class MigrationSource : IDisposable
{
    /// <summary>The meter that all migrations of a process count in, at either side (docs/metrics.md), for a listener or an exporter.</summary>
    public const string MeterName = MigrationMeter.Name;

    private readonly MigrationSourceOptions _options;
    private readonly Tally _tally;
    private readonly SourceSession _session;
    private readonly SourceWork _work;
    private Task<MigrationSummary>? _run;
    private int _isDisposed;

    /// <summary>Prepares a migration.</summary>
    /// <param name="memory">What moves, by region; at most 200. Not disposed.</param>
    /// <param name="names">What the regions are called, for people; null for numbers.</param>
    /// <param name="workload">Who writes to it.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="ArgumentException">There is no region, or there are too many, or one is not whole pages.</exception>
    public MigrationSource(IReadOnlyList<IMigrationMemory> memory, IReadOnlyList<string>? names, IMigrationWorkload workload, MigrationSourceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(workload);
        _options = options ?? new MigrationSourceOptions();
        Check(memory, names, _options);
        var regions = new SourceRegions(memory, names, _options.Bases);
        _tally = new Tally(regions.TotalBytes);
        _session = new SourceSession(regions, _options, _tally, Tell);
        _work = new SourceWork(_session, workload, _options, _tally, Tell);
        MigrationMeter.Add(this);
    }

    /// <summary>
    /// Moves it. Completes when the destination has everything. Cancelling it before the switch leaves the workload as it was; afterwards it is ignored.
    /// </summary>
    /// <param name="link">The connections. Owned from now on.</param>
    /// <param name="cancellation">Cancels it.</param>
    /// <exception cref="MigrationException">It failed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; the workload goes on here.</exception>
    /// <exception cref="InvalidOperationException">It was called before.</exception>
    public Task<MigrationSummary> RunAsync(MigrationLink link, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(link);
        if (_run is not null)
        {
            throw new InvalidOperationException("a migration runs once");
        }

        _session.Offer(link);
        return _run = Task.Factory.StartNew(() => Run(cancellation), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Goes on over another link of the same session, after one broke or before that is noticed.</summary>
    /// <param name="link">The connections. Owned from now on.</param>
    public void Resume(MigrationLink link)
    {
        ArgumentNullException.ThrowIfNull(link);
        _session.Offer(link);
    }

    /// <summary>Switches after the round that is under way, whatever is left: the rest goes by post-copy.</summary>
    public void SwitchNow() => _work.Hurry();

    /// <summary>After the switch: says that the destination is gone for good, so that <see cref="RunAsync"/> ends with an error. Pages that it had not fetched are lost to it.</summary>
    public void GiveUp() => _session.GiveUp();

    /// <summary>
    /// Before <see cref="RunAsync"/>: the memory is nobody's, and the same wherever it is served from. There is nothing to lose at the switch then, and a destination that has made it with
    /// another source of the same memory goes on with this one.
    /// </summary>
    internal void ServeOnly() => _session.IsCommitted = true;

    /// <summary>How far it is.</summary>
    public MigrationProgress GetProgress()
    {
        ulong left = _tally.Phase switch
        {
            MigrationPhase.PostCopy => _session.LeftToServe(),
            MigrationPhase.Done => 0,
            _ => _session.Regions.PendingBytes,
        };
        return _tally.Snapshot(left, _session.LinkBytes);
    }

    /// <summary>Ends it: before the switch as if it was cancelled, after it as if the destination was given up. Waits for its end.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        MigrationMeter.Remove(this);
        if (_run is not null)
        {
            _session.GiveUp();
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

    private static void Check(IReadOnlyList<IMigrationMemory> memory, IReadOnlyList<string>? names, MigrationSourceOptions options)
    {
        string? wrong = memory.Count is 0 or > HelloMessage.MaxRegions ? $"{memory.Count} regions cannot be moved: there must be 1 to {HelloMessage.MaxRegions}"
            : memory.Any(each => each.Length == 0 || each.Length % WirePage.Bytes != 0) ? $"a region is not whole pages of {WirePage.Bytes} bytes"
            : names is not null && names.Count != memory.Count ? "there are not as many names as regions"
            : options.Bases is not null && options.Bases.Count != memory.Count ? "there are not as many bases as regions"
            : options.StallTimeout <= TimeSpan.Zero || options.MaxRounds < 0 ? "an option is negative or zero"
            : null;
        if (wrong is not null)
        {
            throw new ArgumentException(wrong, nameof(memory));
        }
    }

    private MigrationSummary Run(CancellationToken cancellation)
    {
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(static session => ((SourceSession)session!).Pulse(), _session);
        try
        {
            return _work.Run(cancellation);
        }
        finally
        {
            _session.End(null);
        }
    }

    private void Tell(MigrationEventKind kind, string message) => _options.Observer?.Invoke(new MigrationEvent(kind, MigrationException.OneLine(message), GetProgress()));
}
