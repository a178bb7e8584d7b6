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

    /// <summary>The users whose processes may connect to a Unix socket besides root and this process's own. Default: none.</summary>
    public IReadOnlyList<uint> AllowedUsers { get; init; } = [];
}

/// <summary>Takes in links from other processes. What connects and says nothing, or something else, is closed and holds up nobody.</summary>
public sealed class MigrationListener : IDisposable
{
    /// <summary>Where it listens: the port that was free, where 0 was asked for.</summary>
    public MigrationAddress Address => throw new NotSupportedException();

    /// <summary>Listens. A Unix socket is its owner's alone (0600) and is removed with this.</summary>
    /// <param name="address">Where.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="IOException">It cannot: the address is in use, not one of this host's, or not allowed.</exception>
    public static MigrationListener Listen(MigrationAddress address, MigrationLinkOptions? options = null) => throw new NotSupportedException();

    /// <summary>The next link whose connections are all there. Whether it is a new migration's or resumes one, its <see cref="MigrationLink.Session"/> tells.</summary>
    /// <param name="cancellation">Ends the waiting.</param>
    public Task<MigrationLink> AcceptAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}

/// <summary>Makes links to a <see cref="MigrationListener"/>.</summary>
/// <param name="address">Where it listens.</param>
/// <param name="options">How; null for the defaults.</param>
public sealed class MigrationConnector(MigrationAddress address, MigrationLinkOptions? options = null)
{
    /// <summary>Makes one.</summary>
    /// <param name="session">A new one for a new migration, the old one to resume.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="IOException">Nobody listens, it is not whom it should be, or it took too long: the message says which.</exception>
    public Task<MigrationLink> ConnectAsync(Guid session, CancellationToken cancellation = default)
        => throw new NotSupportedException($"{address} {options} {session} {cancellation.IsCancellationRequested}");
}
