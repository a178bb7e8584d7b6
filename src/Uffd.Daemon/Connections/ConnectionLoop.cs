using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>
/// The thread that accepts connections and takes in handshakes. Nothing it does waits for a client: a slow one holds up nobody.
/// Serving itself happens on the pager's threads.
/// </summary>
/// <remarks>
/// The connections and all that is done with them belong to this thread, from <see cref="Start"/> until it has ended: nothing in
/// <see cref="ConnectionTable"/> and what stands on it has a lock. Other threads call only what is public here. That raises a flag
/// and wakes this thread, waits for its end, or goes to what is made for several threads: <see cref="HandedMemory.PoisonUntold"/>.
/// </remarks>
internal sealed class ConnectionLoop : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);

    private readonly PagerDaemonOptions _options;
    private readonly ClientReports _reports;
    private readonly HandedMemory _memory;
    private readonly EventPoller _poller = new();
    private readonly ConnectionTable _connections = new();
    private readonly Refusals _refusals;
    private readonly ConnectionAnswers _answers;
    private readonly ConnectionReading _reading;
    private readonly Acceptor _acceptor;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private volatile bool _accepting = true;
    private volatile bool _stopping;

    public ConnectionLoop(
        PagerDaemonOptions options, Pager pager, FdListener listener, ClientReports reports, ImageSharing sharing, RequestTable requests, WorkingSetRecording? recording)
    {
        _options = options;
        _reports = reports;
        _memory = new HandedMemory(options, pager, reports, sharing, recording);
        _refusals = new Refusals(reports);
        var room = new ClientRoom(options, _connections);
        _answers = new ConnectionAnswers(requests, _connections, room, _refusals, options.HandshakeTimeout);
        _reading = new ConnectionReading(options, _connections, room, _refusals, _memory, _answers);
        _acceptor = new Acceptor(options, listener, _poller, _connections, room, _refusals, reports);
        _thread = new Thread(Run) { IsBackground = true, Name = "uffd-connections" };
    }

    public void Start()
    {
        _acceptor.Start();
        _thread.Start();
    }

    /// <summary>
    /// Takes in no more handshakes; what is attached goes on. Completes when the listener is closed and whatever clients had sent
    /// until then is served or kept.
    /// </summary>
    public Task StopAcceptingAsync()
    {
        _accepting = false;
        _poller.Wake();
        return _closed.Task;
    }

    /// <summary><see cref="HandedMemory.PoisonUntold"/>.</summary>
    public void PoisonUntold() => _memory.PoisonUntold();

    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;
        _poller.Wake();
        _thread.Join();
        foreach (ClientConnection connection in _connections.Snapshot())
        {
            connection.StopListening();
            if (connection.SettleHeld(_options.FailurePolicy) is { } message)
            {
                _reports.Report(new DaemonEvent(DaemonEventKind.Notice, message));
            }

            _connections.Remove(connection);
            connection.Dispose();
        }

        _poller.Dispose();
    }

    private void Run()
    {
        Span<PollResult> ready = stackalloc PollResult[64];
        while (!_stopping)
        {
            int count = _poller.Wait(ready, WatchesTime() ? Tick : Timeout.InfiniteTimeSpan);
            for (int index = 0; index < count; index++)
            {
                if (ready[index].Token == Acceptor.Token)
                {
                    _acceptor.Accept();
                }
                else if (_connections.Find(ready[index].Token) is { } connection)
                {
                    _reading.Advance(connection);
                }
            }

            if (_accepting)
            {
                _acceptor.AcceptAgain();
                ResumePaused();
                CheckDeadlines();
            }
            else if (!_closed.Task.IsCompleted)
            {
                StopAccepting();
            }
        }

        _closed.TrySetResult();
    }

    private bool WatchesTime()
        => _acceptor.IsPaused
            || _connections.All.Any(connection => connection is { IsListening: true, IsHandshaking: true } or { IsListening: true, IsPaused: true });

    /// <summary>Sends on what waits for slow readers, and reads on where all went out.</summary>
    private void ResumePaused()
    {
        foreach (ClientConnection connection in _connections.All.Where(connection => connection is { IsListening: true, IsPaused: true }).ToArray())
        {
            if (_answers.Resume(connection))
            {
                _reading.Advance(connection);
            }
        }
    }

    private void CheckDeadlines()
    {
        foreach (ClientConnection connection in _connections.Snapshot())
        {
            _reading.CheckDeadline(connection);
        }
    }

    private void StopAccepting()
    {
        _acceptor.Stop();
        foreach (ClientConnection connection in _connections.Snapshot())
        {
            _reading.Advance(connection);
            if (connection is { IsListening: true, IsHandshaking: true })
            {
                _refusals.Refuse(connection, "the daemon is stopping");
            }

            connection.StopListening();
            _connections.DropUnwanted(connection);
        }

        _closed.TrySetResult();
    }
}
