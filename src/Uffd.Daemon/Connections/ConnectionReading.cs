using System.Globalization;

namespace Uffd.Daemon;

/// <summary>
/// Reads what clients send, as far as it has come, and hands on what is complete: memory to be served, and requests. Of the
/// connections' thread alone (<see cref="ConnectionLoop"/>): all connections are read into one buffer.
/// </summary>
internal sealed class ConnectionReading(
    PagerDaemonOptions options, ConnectionTable connections, ClientRoom room, Refusals refusals, HandedMemory memory, ConnectionAnswers answers)
{
    private const int ReceiveBytes = 64 << 10;
    private const int ReceivesPerTurn = 16;

    private readonly byte[] _buffer = new byte[ReceiveBytes];
    private readonly List<SafeDescriptorHandle> _received = [];

    /// <summary>Something came on a connection, or its process ended.</summary>
    public void Advance(ClientConnection connection)
    {
        if (connection is { IsListening: true, IsPaused: false })
        {
            try
            {
                if (!connection.IsAtTheDoor || LetIn(connection))
                {
                    Read(connection);
                }
            }
            catch (Exception exception) // the daemon goes on, whatever one client does
            {
                refusals.Refuse(connection, exception);
            }
        }

        connections.DropUnwanted(connection);
    }

    /// <summary>Refuses a connection whose text was not complete in time.</summary>
    public void CheckDeadline(ClientConnection connection)
    {
        if (connection is { IsListening: true, IsHandshaking: true, IsPaused: false, IsOverdue: true })
        {
            refusals.Refuse(connection, string.Create(
                CultureInfo.InvariantCulture,
                $"the handshake was not complete after {options.HandshakeTimeout.TotalSeconds:0.##} s: {connection.Reader.Missing}"));
            connections.DropUnwanted(connection);
        }
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
        if (asks || (seen > 0 && room.FindRoom()))
        {
            connection.IsAtTheDoor = false;
            connection.HasAsked = asks; // from now on it counts as one who asks
            return true;
        }

        connections.Remove(connection);
        connection.TurnAway();
        refusals.Refuse(connection.Channel, connection.Peer.ProcessId, ClientRoom.TooManyClients(options));
        connection.Dispose();
        return false;
    }

    private void Read(ClientConnection connection)
    {
        bool open = Receive(connection);
        if (!connection.IsListening || connection.IsPaused)
        {
            return; // refused meanwhile, or read on later
        }

        if (connection.Reader.Fault is { } fault)
        {
            refusals.Refuse(connection, fault);
        }
        else if (connection is { HasExited: true, IsHandshaking: true })
        {
            refusals.Refuse(connection, $"the process ended in the middle of the handshake: {connection.Reader.Missing}");
        }
        else if (!open && connection.IsHandshaking)
        {
            refusals.Refuse(connection, $"the connection was closed in the middle of the handshake: {connection.Reader.Missing}");
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
            FdReceiveResult result = ReceiveSome(connection);
            if (!connection.IsHandshaking)
            {
                connection.AllowTime(options.HandshakeTimeout); // a further message begins
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

    /// <summary>Who closes with an answer unread is told of as ECONNRESET: an end like any other.</summary>
    private FdReceiveResult ReceiveSome(ClientConnection connection)
    {
        try
        {
            return connection.Channel.Receive(_buffer, _received);
        }
        catch (UffdException exception) when (exception.Errno == Errno.ECONNRESET)
        {
            return default; // as at the end of a stream
        }
    }

    /// <summary>Takes whatever is complete.</summary>
    /// <returns>False when nothing more is to be read from it now.</returns>
    private bool TakeTexts(ClientConnection connection)
    {
        while (true)
        {
            if (connection.Reader.TryTakeRequest() is { } request)
            {
                if (!answers.Answer(connection, request))
                {
                    return false;
                }
            }
            else if (connection.Reader.TryTake() is { } message)
            {
                if (memory.Attach(connection, message) is { } fault)
                {
                    refusals.Refuse(connection, fault);
                    return false;
                }
            }
            else
            {
                return true;
            }
        }
    }
}
