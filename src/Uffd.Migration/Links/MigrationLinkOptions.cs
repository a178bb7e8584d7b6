namespace Uffd.Migration;

/// <summary>How connections are made and taken in.</summary>
public sealed record MigrationLinkOptions
{
    /// <summary>How many connections a link has when this side connects: one for what is waited for, the others for bulk. 1 to 16. Default: 2.</summary>
    public int Connections { get; init; } = 2;

    /// <summary>Null, the default, for connections that anyone on the way can read and change: for a Unix socket, or a network that is protected otherwise.</summary>
    public MigrationTls? Tls { get; init; }

    /// <summary>How long all connections of a link may take to be made, TLS included. Default: 10 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The users whose processes may connect to a Unix socket besides root and this process's own. Making it non-empty also makes the socket connectable for all users, with
    /// this check behind it. Default: none.
    /// </summary>
    public IReadOnlyList<uint> AllowedUsers { get; init; } = [];
}
