using System.Diagnostics;
using System.Globalization;
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
    private const ulong ListenerToken = 0;
    private const int AcceptsPerTurn = 256; // more than the queue holds

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(500);

    private readonly PagerDaemonOptions _options;
    private readonly FdListener _listener;
    private readonly HandedMemory _memory;
    private readonly ClientReports _reports;
    private readonly EventPoller _poller = new();
    private readonly ConnectionTable _connections = new();
    private readonly ClientRoom _room;
    private readonly Refusals _refusals;
    private readonly ConnectionAnswers _answers;
    private readonly ConnectionReading _reading;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private ulong _lastToken;
    private long _acceptAgain;
    private volatile bool _accepting = true;
    private volatile bool _stopping;

    public ConnectionLoop(
        PagerDaemonOptions options, Pager pager, FdListener listener, ClientReports reports, ImageSharing sharing, RequestTable requests, WorkingSetRecording? recording)
    {
        _options = options;
        _listener = listener;
        _reports = reports;
        _memory = new HandedMemory(options, pager, reports, sharing, recording);
        _room = new ClientRoom(options, _connections);
        _refusals = new Refusals(reports);
        _answers = new ConnectionAnswers(requests, _connections, _room, _refusals, options.HandshakeTimeout);
        _reading = new ConnectionReading(options, _connections, _room, _refusals, _memory, _answers);
        _thread = new Thread(Run) { IsBackground = true, Name = "uffd-connections" };
    }

    public void Start()
    {
        _poller.Add(_listener.Handle, ListenerToken);
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
            bool watchesTime = _acceptAgain != 0 || _connections.All.Any(connection => connection is { IsListening: true, IsHandshaking: true } or { IsListening: true, IsPaused: true });
            int count = _poller.Wait(ready, watchesTime ? Tick : Timeout.InfiniteTimeSpan);
            for (int index = 0; index < count; index++)
            {
                if (ready[index].Token == ListenerToken)
                {
                    Accept();
                }
                else if (_connections.Find(ready[index].Token) is { } connection)
                {
                    _reading.Advance(connection);
                }
            }

            if (_accepting)
            {
                AcceptAgain();
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

    private void Accept()
    {
        try
        {
            // Room for all that a client will need, before it is taken out of the queue: a descriptor that cannot be received is lost.
            int handshaking = _connections.All.Count(connection => connection is { IsListening: true, HasAttached: false, IsAsking: false });
            DescriptorRoom.Require(handshaking + 1);
            for (int turn = 0; turn < AcceptsPerTurn && _listener.TryAccept() is { } channel; turn++)
            {
                AdmitOrClose(channel);
                DescriptorRoom.Require(++handshaking + 1);
            }

            _acceptAgain = 0;
        }
        catch (UffdException exception)
        {
            // The connections stay in the queue. Look again in a while instead of spinning.
            if (_acceptAgain == 0)
            {
                _poller.Remove(_listener.Handle);
                _reports.Report(new DaemonEvent(DaemonEventKind.Notice, $"new clients have to wait: {exception.Message}"));
            }

            _acceptAgain = Stopwatch.GetTimestamp() + (long)(AcceptPause.TotalSeconds * Stopwatch.Frequency);
        }
    }

    private void AcceptAgain()
    {
        if (_acceptAgain != 0 && Stopwatch.GetTimestamp() > _acceptAgain)
        {
            Accept();
            if (_acceptAgain == 0)
            {
                _poller.Add(_listener.Handle, ListenerToken);
            }
        }
    }

    /// <summary>What waits in the queue is taken in as well: a descriptor that its client has let go of must not be lost in it.</summary>
    private void StopAccepting()
    {
        Accept();
        _poller.Remove(_listener.Handle);
        _listener.Dispose();
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

    private void AdmitOrClose(FdChannel channel)
    {
        try
        {
            Admit(channel);
        }
        catch (Exception exception) // the daemon goes on, whatever one client does
        {
            _refusals.Refuse(channel, 0, exception);
            channel.Dispose();
        }
    }

    private void Admit(FdChannel channel)
    {
        PeerCredentials peer = channel.GetPeer();
        bool isFull = false;
        string? refusal = !MayConnect(peer)
            ? string.Create(CultureInfo.InvariantCulture, $"user {peer.UserId} may not connect (--allow-uid {peer.UserId} would allow it)")
            : (isFull = !_room.FindRoom()) && !_room.HasRoomAtTheDoor ? ClientRoom.TooManyClients(_options) : null;
        if (refusal is not null)
        {
            _refusals.Refuse(channel, peer.ProcessId, refusal);
            channel.Dispose();
            return;
        }

        var connection = new ClientConnection(channel, peer, ++_lastToken, _poller) { IsAtTheDoor = isFull };
        connection.AllowTime(_options.HandshakeTimeout);
        try
        {
            connection.Watch();
        }
        catch
        {
            connection.StopWatching();
            connection.Dispose();
            throw;
        }

        _connections.Add(connection);
    }

    private bool MayConnect(PeerCredentials peer)
        => peer.UserId == 0 || peer.UserId == PeerCredentials.OwnUserId || _options.AllowedUsers.Contains(peer.UserId);

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
}
