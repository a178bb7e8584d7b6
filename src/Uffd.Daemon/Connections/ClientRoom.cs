using System.Globalization;

namespace Uffd.Daemon;

/// <summary>For whom there is room. Of the connections' thread alone (<see cref="ConnectionLoop"/>).</summary>
internal sealed class ClientRoom(PagerDaemonOptions options, ConnectionTable connections)
{
    private const int MaxAsking = 64;
    private const int MaxAtTheDoor = 16;

    /// <summary>Why no further client is taken in.</summary>
    public static string TooManyClients(PagerDaemonOptions options)
        => string.Create(CultureInfo.InvariantCulture, $"there are {options.MaxClients} clients already (--max-clients)");

    /// <summary>Why nobody else may only ask.</summary>
    public static string TooManyAsking => string.Create(CultureInfo.InvariantCulture, $"there are {MaxAsking} connections already that only ask");

    /// <summary>Whether more only ask than may.</summary>
    public bool IsAskedTooMuch => connections.All.Count(connection => connection.IsAsking) > MaxAsking;

    /// <summary>A daemon that is full must still tell why: some are let as far as the door, and in when they turn out to ask.</summary>
    public bool HasRoomAtTheDoor
        => connections.All.Count(connection => connection.IsAtTheDoor) < MaxAtTheDoor
            && connections.Count < options.MaxClients + MaxAsking + MaxAtTheDoor;

    /// <summary>Looks whether there is room, also for want of news of clients that have just ended.</summary>
    public bool FindRoom()
    {
        if (CountClients() >= options.MaxClients)
        {
            foreach (ClientConnection connection in connections.Snapshot())
            {
                connections.DropUnwanted(connection);
            }
        }

        return CountClients() < options.MaxClients;
    }

    /// <summary>Who only asks takes no client's place; of those there may be <see cref="MaxAsking"/>.</summary>
    private int CountClients() => connections.All.Count(connection => connection is { IsAsking: false, IsAtTheDoor: false });
}
