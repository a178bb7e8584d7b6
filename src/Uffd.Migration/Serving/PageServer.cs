using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>Serves the pages of sources that nobody writes to, to any number of <see cref="PageClient"/>s: a migration that has nothing but its post-copy.</summary>
public sealed class PageServer : IDisposable
{
    /// <summary>The most clients at once; further ones are let go, and try again.</summary>
    public const int MaxClients = 256;

    private readonly StillMemory[] _memory;
    private readonly IReadOnlyList<string>? _names;
    private readonly MigrationSourceOptions _options;
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, ServedClient> _clients = [];
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _lastNumber;
    private bool _isDraining;

    /// <summary>Prepares it.</summary>
    /// <param name="sources">The regions. Not disposed.</param>
    /// <param name="names">What they are called; null for numbers. A client that comes back takes a server for the same one where regions have the same names and lengths.</param>
    /// <param name="options">
    /// How; null for the defaults. Of its rounds there is none. <see cref="MigrationSourceOptions.ResumeTimeout"/> is how long a client whose connection broke is waited for: after it
    /// the client has to begin anew, which a <see cref="PageClient"/> does by itself. <see cref="MigrationSourceOptions.Observer"/> is told of each client by its number.
    /// </param>
    public PageServer(IReadOnlyList<IPageSource> sources, IReadOnlyList<string>? names = null, MigrationSourceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(sources);
        _memory = [.. sources.Select(source => new StillMemory(source))];
        _names = names;
        _options = (options ?? new MigrationSourceOptions()) with { MaxRounds = 0, NotConverging = NotConverging.PostCopy };
    }

    /// <summary>Takes in links until it is cancelled, and serves each in the background; a link of a session that is being served resumes it.</summary>
    /// <param name="listener">Where clients connect. Not disposed.</param>
    /// <param name="cancellation">Ends it, and every client.</param>
    public async Task RunAsync(MigrationListener listener, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(listener);
        try
        {
            while (true)
            {
                Take(await listener.AcceptAsync(cancellation).ConfigureAwait(false));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
            // the end that was asked for
        }

        await EndAsync().ConfigureAwait(false);
    }

    /// <summary>From now on takes in no further clients; those that it has are served as before, and may resume. Completes when none is left.</summary>
    /// <param name="cancellation">Ends the waiting.</param>
    public Task DrainAsync(CancellationToken cancellation = default)
    {
        lock (_lock)
        {
            _isDraining = true;
            LookWhetherEmpty();
        }

        return _empty.Task.WaitAsync(cancellation);
    }

    /// <summary>How far each client is.</summary>
    public IReadOnlyList<MigrationProgress> GetProgress()
    {
        lock (_lock)
        {
            return [.. _clients.Values.Select(client => client.GetProgress())];
        }
    }

    /// <summary>Ends every client. Their pages are missing from then on, until they find another server.</summary>
    public void Dispose() => Task.Run(EndAsync).GetAwaiter().GetResult();

    private void Take(MigrationLink link)
    {
        lock (_lock)
        {
            if (_clients.TryGetValue(link.Session, out ServedClient? known) && known.TryResume(link))
            {
                return;
            }

            if (_isDraining || _clients.Count >= MaxClients)
            {
                link.Dispose();
                return;
            }

            var client = new ServedClient(++_lastNumber, _memory, _names, _options);
            _clients[link.Session] = client;
            client.Start(link, () => Forget(link.Session, client));
        }
    }

    private void Forget(Guid session, ServedClient client)
    {
        lock (_lock)
        {
            if (_clients.TryGetValue(session, out ServedClient? present) && present == client)
            {
                _ = _clients.Remove(session);
                LookWhetherEmpty();
            }
        }
    }

    private void LookWhetherEmpty()
    {
        if (_isDraining && _clients.Count == 0)
        {
            _ = _empty.TrySetResult();
        }
    }

    private async Task EndAsync()
    {
        ServedClient[] clients;
        lock (_lock)
        {
            _isDraining = true;
            clients = [.. _clients.Values];
        }

        await Task.WhenAll(clients.Select(client => client.DisposeAsync().AsTask())).ConfigureAwait(false);
    }
}
