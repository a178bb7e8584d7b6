namespace Uffd.Daemon;

/// <summary>The connections that are open, and when they are dropped. Of the connections' thread alone (<see cref="ConnectionLoop"/>).</summary>
internal sealed class ConnectionTable
{
    private readonly Dictionary<ulong, ClientConnection> _connections = [];

    public int Count => _connections.Count;

    /// <summary>Not to be walked through while connections come or go: <see cref="Snapshot"/> is.</summary>
    public IReadOnlyCollection<ClientConnection> All => _connections.Values;

    /// <summary>Those that are open now.</summary>
    public ClientConnection[] Snapshot() => [.. _connections.Values];

    /// <summary>The connection that something happened on, or null: it was dropped a moment ago.</summary>
    public ClientConnection? Find(ulong token) => _connections.GetValueOrDefault(token & ~ClientConnection.ExitBit);

    public void Add(ClientConnection connection) => _connections.Add(connection.Token, connection);

    /// <summary>Takes it out; it is then the caller's to dispose.</summary>
    public void Remove(ClientConnection connection) => _connections.Remove(connection.Token);

    /// <summary>Closes a connection unless there is a reason to keep it.</summary>
    public void DropUnwanted(ClientConnection connection)
    {
        if (_connections.ContainsKey(connection.Token) && !connection.IsWanted)
        {
            Remove(connection);
            connection.StopWatching();
            connection.Dispose();
        }
    }
}
