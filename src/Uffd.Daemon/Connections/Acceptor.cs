using System.Diagnostics;
using System.Globalization;

namespace Uffd.Daemon;

/// <summary>
/// Takes connections out of the listener's queue and admits or refuses them; where no descriptor is left it pauses, and the
/// connections wait. Of the connections' thread alone (<see cref="ConnectionLoop"/>).
/// </summary>
internal sealed class Acceptor(
    PagerDaemonOptions options, FdListener listener, EventPoller poller, ConnectionTable connections, ClientRoom room, Refusals refusals, ClientReports reports)
{
    /// <summary>What the poller tells of the listener with; connections have larger ones.</summary>
    public const ulong Token = 0;

    private const int AcceptsPerTurn = 256; // more than the queue holds

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private ulong _lastToken = Token;
    private long _acceptAgain;

    /// <summary>Whether it looks again in a while, by <see cref="AcceptAgain"/>.</summary>
    public bool IsPaused => _acceptAgain != 0;

    public void Start() => poller.Add(listener.Handle, Token);

    /// <summary>Takes in what waits in the queue.</summary>
    public void Accept()
    {
        try
        {
            // Room for all that a client will need, before it is taken out of the queue: a descriptor that cannot be received is lost.
            int handshaking = connections.All.Count(connection => connection is { IsListening: true, HasAttached: false, IsAsking: false });
            DescriptorRoom.Require(handshaking + 1);
            for (int turn = 0; turn < AcceptsPerTurn && listener.TryAccept() is { } channel; turn++)
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
                poller.Remove(listener.Handle);
                reports.Report(new DaemonEvent(DaemonEventKind.Notice, $"new clients have to wait: {exception.Message}"));
            }

            _acceptAgain = Stopwatch.GetTimestamp() + (long)(Pause.TotalSeconds * Stopwatch.Frequency);
        }
    }

    /// <summary>Ends a pause when it has been long enough and there is room.</summary>
    public void AcceptAgain()
    {
        if (_acceptAgain != 0 && Stopwatch.GetTimestamp() > _acceptAgain)
        {
            Accept();
            if (_acceptAgain == 0)
            {
                Start();
            }
        }
    }

    /// <summary>
    /// Closes the listener. What waits in the queue is taken in first: a descriptor that its client has let go of must not be lost
    /// in it.
    /// </summary>
    public void Stop()
    {
        Accept();
        poller.Remove(listener.Handle);
        listener.Dispose();
    }

    private void AdmitOrClose(FdChannel channel)
    {
        try
        {
            Admit(channel);
        }
        catch (Exception exception) // the daemon goes on, whatever one client does
        {
            refusals.Refuse(channel, 0, exception);
            channel.Dispose();
        }
    }

    private void Admit(FdChannel channel)
    {
        PeerCredentials peer = channel.GetPeer();
        bool isFull = false;
        string? refusal = !MayConnect(peer)
            ? string.Create(CultureInfo.InvariantCulture, $"user {peer.UserId} may not connect (--allow-uid {peer.UserId} would allow it)")
            : (isFull = !room.FindRoom()) && !room.HasRoomAtTheDoor ? ClientRoom.TooManyClients(options) : null;
        if (refusal is not null)
        {
            refusals.Refuse(channel, peer.ProcessId, refusal);
            channel.Dispose();
            return;
        }

        var connection = new ClientConnection(channel, peer, ++_lastToken, poller) { IsAtTheDoor = isFull };
        connection.AllowTime(options.HandshakeTimeout);
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

        connections.Add(connection);
    }

    private bool MayConnect(PeerCredentials peer)
        => peer.UserId == 0 || peer.UserId == PeerCredentials.OwnUserId || options.AllowedUsers.Contains(peer.UserId);
}
