using System.Globalization;

namespace Uffd.Daemon;

/// <summary>
/// Answers what is asked on connections, as far as each has room for the answer and has had its turn. Of the connections' thread
/// alone (<see cref="ConnectionLoop"/>).
/// </summary>
internal sealed class ConnectionAnswers(RequestTable requests, ConnectionTable connections, ClientRoom room, Refusals refusals, TimeSpan patience)
{
    private const int AnswersPerTurn = 16;
    private const int LargeAnswer = 16 << 10; // one of these is enough for a turn

    /// <summary>Answers a request as far as the client has room for the answer; it is read on when that has gone out.</summary>
    /// <returns>False when nothing more is to be read from it now.</returns>
    public bool Answer(ClientConnection connection, byte[] request)
    {
        connection.HasAsked = true;
        if (connection.IsAsking && room.IsAskedTooMuch)
        {
            refusals.Refuse(connection, ClientRoom.TooManyAsking);
            return false;
        }

        if (requests.Answer(request, out string? fault) is not { } answer)
        {
            refusals.Refuse(connection, fault!);
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
        connection.AllowTime(patience);
        return false;
    }

    /// <summary>Sends on what waits for a slow reader. One that does not read in time is refused.</summary>
    /// <returns>Whether all went out: it is to be read on from.</returns>
    public bool Resume(ClientConnection connection)
    {
        if (!TryFlush(connection, out bool isEmpty))
        {
            connections.DropUnwanted(connection);
        }
        else if (isEmpty)
        {
            connection.Resume();
        }
        else if (connection.IsOverdue)
        {
            refusals.Refuse(connection, string.Create(CultureInfo.InvariantCulture, $"it did not read its answer within {patience.TotalSeconds:0.##} s"));
            connections.DropUnwanted(connection);
        }

        return isEmpty;
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
}
