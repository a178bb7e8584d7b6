using System.Diagnostics;
using System.Globalization;
using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>
/// The thread that accepts connections and takes in handshakes. Nothing it does waits for a client: a slow one holds up nobody.
/// Serving itself happens on the pager's threads.
/// </summary>
internal sealed class ConnectionLoop : IDisposable
{
    private const ulong ListenerToken = 0;
    private const int ReceiveBytes = 64 << 10;
    private const int ReceivesPerTurn = 16;

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);

    private readonly PagerDaemonOptions _options;
    private readonly Pager _pager;
    private readonly FdListener _listener;
    private readonly ClientReports _reports;
    private readonly EventPoller _poller = new();
    private readonly Dictionary<ulong, ClientConnection> _connections = [];
    private readonly byte[] _buffer = new byte[ReceiveBytes];
    private readonly List<SafeDescriptorHandle> _received = [];
    private readonly Thread _thread;
    private ulong _lastToken;
    private long _acceptAgain;
    private volatile bool _accepting = true;
    private volatile bool _stopping;

    public ConnectionLoop(PagerDaemonOptions options, Pager pager, FdListener listener, ClientReports reports)
    {
        _options = options;
        _pager = pager;
        _listener = listener;
        _reports = reports;
        _thread = new Thread(Run) { IsBackground = true, Name = "uffd-connections" };
    }

    public void Start()
    {
        _poller.Add(_listener.Handle, ListenerToken);
        _thread.Start();
    }

    /// <summary>Takes in no more handshakes; what is attached goes on. The listener may be closed before.</summary>
    public void StopAccepting()
    {
        _accepting = false;
        _poller.Wake();
    }

    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;
        _poller.Wake();
        _thread.Join();
        foreach (ClientConnection connection in _connections.Values)
        {
            connection.SettleHeld();
            connection.Dispose();
        }

        _connections.Clear();
        _poller.Dispose();
    }

    private void Run()
    {
        Span<PollResult> ready = stackalloc PollResult[64];
        while (!_stopping)
        {
            bool watchesTime = _acceptAgain != 0 || _connections.Values.Any(connection => connection is { IsListening: true, IsHandshaking: true });
            int count = _poller.Wait(ready, watchesTime ? Tick : Timeout.InfiniteTimeSpan);
            for (int index = 0; index < count; index++)
            {
                if (ready[index].Token == ListenerToken)
                {
                    Accept();
                }
                else if (_connections.TryGetValue(ready[index].Token & ~ClientConnection.ExitBit, out ClientConnection? connection))
                {
                    Advance(connection, exited: (ready[index].Token & ClientConnection.ExitBit) != 0);
                }
            }

            ListenAgain();
            CheckDeadlines();
        }
    }

    private void Accept()
    {
        if (!_accepting)
        {
            return;
        }

        try
        {
            while (_listener.TryAccept() is { } channel)
            {
                AdmitOrClose(channel);
            }
        }
        catch (UffdException exception)
        {
            // No descriptor left: the connection stays in the queue. Look again in a while instead of spinning.
            _poller.Remove(_listener.Handle);
            _acceptAgain = Stopwatch.GetTimestamp() + Stopwatch.Frequency;
            _reports.Report(new DaemonEvent(DaemonEventKind.Notice, exception.Message));
        }
        catch (ObjectDisposedException)
        {
            // Stopping: the listener was closed under us.
        }
    }

    private void ListenAgain()
    {
        if (_acceptAgain != 0 && Stopwatch.GetTimestamp() > _acceptAgain && _accepting)
        {
            _acceptAgain = 0;
            _poller.Add(_listener.Handle, ListenerToken);
        }
    }

    private void AdmitOrClose(FdChannel channel)
    {
        try
        {
            Admit(channel);
        }
        catch (UffdException exception)
        {
            Refuse(channel, 0, exception.Message);
            channel.Dispose();
        }
    }

    private void Admit(FdChannel channel)
    {
        PeerCredentials peer = channel.GetPeer();
        string? refusal = _connections.Count >= _options.MaxClients
            ? string.Create(CultureInfo.InvariantCulture, $"there are {_options.MaxClients} clients already (--max-clients)")
            : !MayConnect(peer)
                ? string.Create(CultureInfo.InvariantCulture, $"user {peer.UserId} may not connect (--allow-uid {peer.UserId} would allow it)")
                : null;
        if (refusal is not null)
        {
            Refuse(channel, peer.ProcessId, refusal);
            channel.Dispose();
            return;
        }

        var connection = new ClientConnection(channel, peer, ++_lastToken) { Deadline = NextDeadline() };
        connection.Watch(_poller);
        _connections.Add(connection.Token, connection);
    }

    private bool MayConnect(PeerCredentials peer)
        => peer.UserId == 0 || peer.UserId == PeerCredentials.OwnUserId || _options.AllowedUsers.Contains(peer.UserId);

    /// <summary>Something came on a connection, or its process ended.</summary>
    private void Advance(ClientConnection connection, bool exited)
    {
        try
        {
            bool open = Receive(connection);
            if (connection.Reader.Fault is { } fault)
            {
                Refuse(connection, fault);
            }
            else if (exited || connection.HasExited)
            {
                if (connection.IsHandshaking)
                {
                    Refuse(connection, $"the process ended in the middle of the handshake: {connection.Reader.Missing}");
                }

                Drop(connection);
            }
            else if (!open && connection.IsHandshaking)
            {
                Refuse(connection, $"the connection was closed in the middle of the handshake: {connection.Reader.Missing}");
            }
            else if (!open)
            {
                connection.StopListening(_poller); // older clients close after the handshake; their process tells their end
            }
        }
        catch (UffdException exception)
        {
            Refuse(connection, exception.Message);
        }
    }

    /// <returns>False when the client has closed its side.</returns>
    private bool Receive(ClientConnection connection)
    {
        for (int turn = 0; turn < ReceivesPerTurn && connection.IsListening; turn++)
        {
            _received.Clear();
            FdReceiveResult result = connection.Channel.Receive(_buffer, _received);
            if (!connection.IsHandshaking)
            {
                connection.Deadline = NextDeadline(); // a further message begins
            }

            connection.Reader.Append(_buffer.AsSpan(0, result.Bytes), _received);
            while (connection.Reader.TryTake() is { } message)
            {
                Attach(connection, message);
            }

            if (connection.Reader.Fault is not null || result.WouldBlock)
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

    private void Attach(ClientConnection connection, HandshakeMessage message)
    {
        Userfaultfd? userfaultfd = connection.TakeUserfaultfd(message.Descriptors, out string? fault);
        if (userfaultfd is null)
        {
            Refuse(connection, fault!);
            return;
        }

        List<AddressSpaceRegion> regions = ToRegions(message.Regions, out fault);
        fault ??= AddressSpaceRegion.Validate(regions);
        ProcessHandle? process = fault is null ? connection.Channel.OpenPeerProcess() : null;
        fault ??= process is null ? "its process has ended" : null;
        if (fault is not null)
        {
            connection.Hold(userfaultfd);
            Refuse(connection, fault);
            return;
        }

        connection.HasAttached = true;
        AddressSpace space = _pager.Attach(userfaultfd, regions, new AddressSpaceOptions
        {
            Name = string.Create(CultureInfo.InvariantCulture, $"pid {connection.Peer.ProcessId}"),
            BackgroundFill = false, // started below, after the client is told of
            FailurePolicy = _options.FailurePolicy,
            TargetProcess = process,
            Spin = _options.Spin,
        });
        _reports.Attached(space, connection.Peer.ProcessId, regions.Count);
        if (_options.BackgroundFill)
        {
            space.StartBackgroundFill();
        }
    }

    private List<AddressSpaceRegion> ToRegions(IReadOnlyList<RegionDescription> descriptions, out string? fault)
    {
        fault = null;
        var regions = new List<AddressSpaceRegion>(descriptions.Count);
        foreach (RegionDescription description in descriptions)
        {
            if (description.Size > ulong.MaxValue - description.Address || description.Size > ulong.MaxValue - description.Offset)
            {
                fault = string.Create(CultureInfo.InvariantCulture, $"the region at {description.Address:x} with size {description.Size} and offset {description.Offset} wraps around");
                return [];
            }

            regions.Add(new AddressSpaceRegion(new AddressRange(description.Address, description.Size), _options.Image, description.Offset, description.PageSize));
        }

        return regions;
    }

    private long NextDeadline() => Stopwatch.GetTimestamp() + (long)(_options.HandshakeTimeout.TotalSeconds * Stopwatch.Frequency);

    private void CheckDeadlines()
    {
        long now = Stopwatch.GetTimestamp();
        foreach (ClientConnection connection in _connections.Values.ToArray())
        {
            if (connection.IsListening && connection.IsHandshaking && (now > connection.Deadline || !_accepting))
            {
                Refuse(connection, !_accepting ? "the daemon is stopping" : string.Create(
                    CultureInfo.InvariantCulture,
                    $"the handshake was not complete after {_options.HandshakeTimeout.TotalSeconds:0.#} s: {connection.Reader.Missing}"));
            }
        }
    }

    /// <summary>
    /// Tells a client why it is refused and listens to it no longer. A userfaultfd that came is kept, unserved, until the client's
    /// process ends: closing it could turn the client's memory into zeros, keeping it makes the client wait.
    /// </summary>
    private void Refuse(ClientConnection connection, string reason)
    {
        if (connection.IsListening)
        {
            Refuse(connection.Channel, connection.Peer.ProcessId, reason);
        }

        connection.StopListening(_poller);
        connection.HoldRest();
        if (!connection.HasAttached && !connection.IsHolding)
        {
            Drop(connection);
        }
    }

    private void Refuse(FdChannel channel, int processId, string reason)
    {
        channel.TrySend(System.Text.Encoding.UTF8.GetBytes($"error: {reason}\n")); // nobody has to read it
        _reports.Report(new DaemonEvent(DaemonEventKind.Refused, reason, ProcessId: processId));
    }

    private void Drop(ClientConnection connection)
    {
        connection.StopWatching(_poller);
        connection.Dispose();
        _connections.Remove(connection.Token);
    }
}
