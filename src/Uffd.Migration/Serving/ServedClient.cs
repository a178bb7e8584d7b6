namespace Uffd.Migration;

/// <summary>One client of a <see cref="PageServer"/>: a migration of memory that stands still.</summary>
internal sealed class ServedClient : IMigrationWorkload, IAsyncDisposable
{
    private readonly MigrationSource _source;
    private readonly Timer _patience;
    private readonly TimeSpan _linger;
    private Task _run = Task.CompletedTask;
    private volatile string _end = "is served no longer";

    public ServedClient(int number, IReadOnlyList<IMigrationMemory> memory, IReadOnlyList<string>? names, MigrationSourceOptions options)
    {
        _linger = options.ResumeTimeout;
        _patience = new Timer(_ =>
        {
            _end = "did not come back and is forgotten";
            _source!.GiveUp();
        });
        Action<MigrationEvent>? observer = options.Observer;
        _source = new MigrationSource(memory, names, this, options with
        {
            Observer = happened =>
            {
                if (happened.Kind is MigrationEventKind.Broken or MigrationEventKind.Resumed)
                {
                    // It may have ended, with nobody to say so. What it has is still here, so that it can as well begin anew.
                    _ = _patience.Change(happened.Kind == MigrationEventKind.Broken ? _linger : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                }

                observer?.Invoke(happened with { Message = $"client {number}: {Describe(happened)}" });
            },
        });
        _source.ServeOnly(); // it may have had its pages from a server before this one
    }

    public MigrationProgress GetProgress() => _source.GetProgress();

    /// <summary>Serves it.</summary>
    /// <param name="link">Owned.</param>
    /// <param name="ended">Called when it is over.</param>
    public void Start(MigrationLink link, Action ended) => _run = Task.Run(() => RunAsync(link, ended));

    /// <summary>Goes on over another link.</summary>
    /// <returns>False when it is over.</returns>
    public bool TryResume(MigrationLink link)
    {
        if (_run.IsCompleted)
        {
            return false;
        }

        _source.Resume(link);
        return true;
    }

    /// <summary>Ends it.</summary>
    public async ValueTask DisposeAsync()
    {
        _source.Dispose();
        await _run.ConfigureAwait(false);
    }

    ValueTask<ReadOnlyMemory<byte>> IMigrationWorkload.PauseAsync(CancellationToken cancellation) => new(ReadOnlyMemory<byte>.Empty);

    ValueTask IMigrationWorkload.ResumeAsync() => ValueTask.CompletedTask;

    /// <summary>A migration's words, where they would puzzle who only serves pages.</summary>
    private string Describe(MigrationEvent happened) => (happened.Kind, happened.Progress.Phase) switch
    {
        (MigrationEventKind.Phase, MigrationPhase.PostCopy) => "is served",
        (MigrationEventKind.Phase, MigrationPhase.Done) => "has left",
        (MigrationEventKind.Failed, _) when happened.Message.Contains("given up", StringComparison.Ordinal) => _end,
        _ => happened.Message,
    };

    private async Task RunAsync(MigrationLink link, Action ended)
    {
        try
        {
            await _source.RunAsync(link).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The observer has been told; other clients are served all the same.
        }
        finally
        {
            await _patience.DisposeAsync().ConfigureAwait(false);
            _source.Dispose();
            ended();
        }
    }
}
