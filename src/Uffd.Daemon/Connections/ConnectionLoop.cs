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
    private const int ReceiveBytes = 64 << 10;
    private const int ReceivesPerTurn = 16;
    private const int AcceptsPerTurn = 256; // more than the queue holds
    private const int AnswersPerTurn = 16;
    private const int LargeAnswer = 16 << 10; // one of these is enough for a turn

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(500);

    private readonly PagerDaemonOptions _options;
    private readonly FdListener _listener;
    private readonly HandedMemory _memory;
    private readonly RequestTable _requests;
    private readonly ClientReports _reports;
    private readonly EventPoller _poller = new();
    private readonly ConnectionTable _connections = new();
    private readonly ClientRoom _room;
    private readonly Refusals _refusals;
    private readonly byte[] _buffer = new byte[ReceiveBytes];
    private readonly List<SafeDescriptorHandle> _received = [];
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
        _requests = requests;
        _room = new ClientRoom(options, _connections);
        _refusals = new Refusals(reports);
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
                    Advance(connection);
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
            Advance(connection);
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

    /// <summary>Something came on a connection, or its process ended.</summary>
    private void Advance(ClientConnection connection)
    {
        if (connection is { IsListening: true, IsPaused: false })
        {
            try
            {
                if (!connection.IsAtTheDoor || LetIn(connection))
                {
                    Listen(connection);
                }
            }
            catch (Exception exception) // the daemon goes on, whatever one client does
            {
                _refusals.Refuse(connection, exception);
            }
        }

        _connections.DropUnwanted(connection);
    }

    /// <summary>Looks at what a connection sends to a daemon that is full, without taking it.</summary>
    /// <returns>Whether it is let in. Else there is nothing to see yet, or it was turned away, and what it sent goes with it unread.</returns>
    private bool LetIn(ClientConnection connection)
    {
        Span<byte> first = stackalloc byte[1];
        int seen = connection.Channel.Peek(first);
        if (seen < 0 && !connection.HasExited)
        {
            return false;
        }

        bool asks = seen > 0 && first[0] == (byte)'{';
        if (asks || (seen > 0 && _room.FindRoom()))
        {
            connection.IsAtTheDoor = false;
            connection.HasAsked = asks; // from now on it counts as one who asks
            return true;
        }

        _connections.Remove(connection);
        connection.TurnAway();
        _refusals.Refuse(connection.Channel, connection.Peer.ProcessId, ClientRoom.TooManyClients(_options));
        connection.Dispose();
        return false;
    }

    private void Listen(ClientConnection connection)
    {
        bool open = Receive(connection);
        if (!connection.IsListening || connection.IsPaused)
        {
            return; // refused meanwhile, or read on later
        }

        if (connection.Reader.Fault is { } fault)
        {
            _refusals.Refuse(connection, fault);
        }
        else if (connection is { HasExited: true, IsHandshaking: true })
        {
            _refusals.Refuse(connection, $"the process ended in the middle of the handshake: {connection.Reader.Missing}");
        }
        else if (!open && connection.IsHandshaking)
        {
            _refusals.Refuse(connection, $"the connection was closed in the middle of the handshake: {connection.Reader.Missing}");
        }
        else if (!open)
        {
            connection.StopListening(); // older clients close after the handshake; their process tells their end
        }
    }

    /// <returns>False when the client has closed its side.</returns>
    private bool Receive(ClientConnection connection)
    {
        for (int turn = 0; turn < ReceivesPerTurn && TakeTexts(connection); turn++)
        {
            _received.Clear();
            FdReceiveResult result = connection.Channel.Receive(_buffer, _received);
            if (!connection.IsHandshaking)
            {
                connection.AllowTime(_options.HandshakeTimeout); // a further message begins
            }

            connection.Reader.Append(_buffer.AsSpan(0, result.Bytes), _received, result.DescriptorsTruncated);
            if (!TakeTexts(connection) || connection.Reader.Fault is not null || result.WouldBlock)
            {
                return true;
            }

            if (result.IsEnd)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Takes whatever is complete.</summary>
    /// <returns>False when nothing more is to be read from it now.</returns>
    private bool TakeTexts(ClientConnection connection)
    {
        while (true)
        {
            if (connection.Reader.TryTakeRequest() is { } request)
            {
                if (!Answer(connection, request))
                {
                    return false;
                }
            }
            else if (connection.Reader.TryTake() is { } message)
            {
                if (_memory.Attach(connection, message) is { } fault)
                {
                    _refusals.Refuse(connection, fault);
                    return false;
                }
            }
            else
            {
                return true;
            }
        }
    }

    /// <summary>Answers a request as far as the client has room for the answer; it is read on when that has gone out.</summary>
    /// <returns>False when nothing more is to be read from it now.</returns>
    private bool Answer(ClientConnection connection, byte[] request)
    {
        connection.HasAsked = true;
        if (connection.IsAsking && _room.IsAskedTooMuch)
        {
            _refusals.Refuse(connection, ClientRoom.TooManyAsking);
            return false;
        }

        if (_requests.Answer(request, out string? fault) is not { } answer)
        {
            _refusals.Refuse(connection, fault!);
            return false;
        }

        connection.Outbox.Put(answer);
        if (!TryFlush(connection, out bool isEmpty))
        {
            return false;
        }

        if (isEmpty && answer.Line.Length < LargeAnswer && ++connection.AnswersOfTurn < AnswersPerTurn)
        {
            return true;
        }

        connection.Pause();
        connection.AllowTime(_options.HandshakeTimeout);
        return false;
    }

    /// <returns>False when the client reads no more. If it is served it goes on being served.</returns>
    private static bool TryFlush(ClientConnection connection, out bool isEmpty)
    {
        try
        {
            isEmpty = connection.Outbox.Flush(connection.Channel);
            return true;
        }
        catch (UffdException)
        {
            isEmpty = false;
            connection.StopListening();
            return false;
        }
    }

    /// <summary>Sends on what waits for slow readers, and reads on where all went out.</summary>
    private void ResumePaused()
    {
        foreach (ClientConnection connection in _connections.All.Where(connection => connection is { IsListening: true, IsPaused: true }).ToArray())
        {
            if (!TryFlush(connection, out bool isEmpty))
            {
                _connections.DropUnwanted(connection);
            }
            else if (isEmpty)
            {
                connection.Resume();
                Advance(connection);
            }
            else if (connection.IsOverdue)
            {
                _refusals.Refuse(connection, string.Create(CultureInfo.InvariantCulture, $"it did not read its answer within {_options.HandshakeTimeout.TotalSeconds:0.##} s"));
                _connections.DropUnwanted(connection);
            }
        }
    }

    private void CheckDeadlines()
    {
        foreach (ClientConnection connection in _connections.Snapshot())
        {
            if (connection is { IsListening: true, IsHandshaking: true, IsPaused: false, IsOverdue: true })
            {
                _refusals.Refuse(connection, string.Create(
                    CultureInfo.InvariantCulture,
                    $"the handshake was not complete after {_options.HandshakeTimeout.TotalSeconds:0.##} s: {connection.Reader.Missing}"));
                _connections.DropUnwanted(connection);
            }
        }
    }
}
