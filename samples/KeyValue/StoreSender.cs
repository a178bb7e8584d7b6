using Uffd.Migration;

namespace Uffd.Samples.KeyValue;

/// <summary>Moves a store to a <see cref="StoreReceiver"/> while it is used. When the connection breaks, it is made again.</summary>
internal sealed class StoreSender : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly KeyValueStore _store;
    private readonly MigrationConnector _connector;
    private readonly string _clients;
    private readonly Action<MigrationEvent>? _observer;
    private readonly MigrationSource _source;
    private readonly Guid _session = Guid.NewGuid();
    private readonly CancellationTokenSource _over = new();
    private int _isConnecting;

    /// <param name="store">What moves.</param>
    /// <param name="to">Where the receiver listens.</param>
    /// <param name="clients">Where clients find the store then, as they are told.</param>
    /// <param name="link">How to connect; null for the defaults.</param>
    /// <param name="options">How to move; null for the defaults.</param>
    public StoreSender(KeyValueStore store, MigrationAddress to, string clients, MigrationLinkOptions? link = null, MigrationSourceOptions? options = null)
    {
        _store = store;
        _clients = clients;
        _connector = new MigrationConnector(to, link);
        options ??= new MigrationSourceOptions();
        _observer = options.Observer;
        _source = new MigrationSource([store.GetMemory()], ["store"], store, options with { Observer = Follow });
    }

    /// <summary>How far it is.</summary>
    public MigrationProgress GetProgress() => _source.GetProgress();

    /// <summary>Moves it. Completes when the other side needs this one no more.</summary>
    /// <param name="cancellation">Before the switch: the store stays.</param>
    /// <exception cref="IOException">It stays here; or, as the message says, it may have moved.</exception>
    public async Task<MigrationSummary> RunAsync(CancellationToken cancellation = default)
    {
        MigrationLink link = await _connector.ConnectAsync(_session, cancellation);
        try
        {
            return await _source.RunAsync(link, cancellation);
        }
        catch (MigrationException exception) when (exception.MayHaveMoved)
        {
            _store.Gate.Open($"MOVED {_clients}"); // two that answer would be worse than none
            throw;
        }
        finally
        {
            await _over.CancelAsync();
        }
    }

    public void Dispose()
    {
        _over.Cancel();
        _source.Dispose();
    }

    private void Follow(MigrationEvent moment)
    {
        if (moment.Progress.Phase is MigrationPhase.PostCopy or MigrationPhase.Done)
        {
            _store.Gate.Open($"MOVED {_clients}"); // it runs there: who was held up here goes there
        }

        if (moment.Kind == MigrationEventKind.Broken && Interlocked.Exchange(ref _isConnecting, 1) == 0)
        {
            _ = Task.Run(ConnectAgainAsync);
        }

        _observer?.Invoke(moment);
    }

    private async Task ConnectAgainAsync()
    {
        try
        {
            while (true)
            {
                try
                {
                    MigrationLink link = await _connector.ConnectAsync(_session, _over.Token);
                    Interlocked.Exchange(ref _isConnecting, 0); // should this one break too, it is told again
                    _source.Resume(link);
                    return;
                }
                catch (IOException)
                {
                    await Task.Delay(Pause, _over.Token);
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
            // The migration is over.
        }
    }
}
