using System.Text;

namespace Uffd.Daemon;

/// <summary>Tells clients why they are refused, and the observer that they were.</summary>
internal sealed class Refusals(ClientReports reports)
{
    /// <summary>
    /// Tells a client why it is refused and listens to it no longer. A userfaultfd that came is kept, unserved, until the client's
    /// process ends: closing it could turn the client's memory into zeros, keeping it makes the client wait.
    /// </summary>
    public void Refuse(ClientConnection connection, string reason)
    {
        if (connection.IsListening)
        {
            connection.StopListening();
            Refuse(connection.Channel, connection.Peer.ProcessId, reason);
        }
    }

    /// <summary><see cref="Refuse(ClientConnection, string)"/>, for what the daemon itself failed at.</summary>
    public void Refuse(ClientConnection connection, Exception exception) => Refuse(connection, Describe(exception));

    /// <summary>Tells it to one that is no connection yet, or no longer. The caller closes its channel.</summary>
    public void Refuse(FdChannel channel, int processId, string reason)
    {
        channel.TrySend(Encoding.UTF8.GetBytes($"error: {reason}\n")); // nobody has to read it
        reports.Report(new DaemonEvent(DaemonEventKind.Refused, reason, ProcessId: processId));
    }

    /// <summary><see cref="Refuse(FdChannel, int, string)"/>, for what the daemon itself failed at.</summary>
    public void Refuse(FdChannel channel, int processId, Exception exception) => Refuse(channel, processId, Describe(exception));

    private static string Describe(Exception exception) => exception is UffdException ? exception.Message : Unexpected.Describe(exception);
}
