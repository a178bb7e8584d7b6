using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Uffd.Migration;

/// <summary>Takes in links from other processes. What connects and says nothing, or something else, is closed and holds up nobody.</summary>
public sealed class MigrationListener : IDisposable
{
    private const int Backlog = 128;
    private const int MaxLinks = 16; // that are complete, and that nobody has accepted
    private const int StackBytes = 256 << 10;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Everyone = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private static readonly TimeSpan PauseWithoutDescriptors = TimeSpan.FromMilliseconds(200);

    private readonly MigrationLinkOptions _options;
    private readonly Socket _socket;
    private readonly FdListener? _unix;
    private readonly WaitingConnections _waiting = new();
    private readonly Channel<MigrationLink> _links = Channel.CreateBounded<MigrationLink>(MaxLinks);
    private readonly CancellationTokenSource _ended = new();

    private MigrationListener(MigrationAddress address, MigrationLinkOptions options, Socket socket, FdListener? unix)
    {
        Address = address;
        _options = options;
        _socket = socket;
        _unix = unix;
        _ = AcceptConnectionsAsync();
    }

    /// <summary>Where it listens: the port that was free, where 0 was asked for.</summary>
    public MigrationAddress Address { get; }

    /// <summary>Connections that are not of a complete link yet; for tests.</summary>
    internal int WaitingCount => _waiting.Count;

    /// <summary>Listens. A Unix socket is its owner's alone (0600) unless other users are allowed, and is removed with this.</summary>
    /// <param name="address">Where.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="IOException">It cannot: the address is in use, not one of this host's, or not allowed.</exception>
    public static MigrationListener Listen(MigrationAddress address, MigrationLinkOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        options ??= new MigrationLinkOptions();
        if (address.Path is { } path)
        {
            FdListener unix = FdListener.Listen(path, options.AllowedUsers.Count == 0 ? OwnerOnly : Everyone);
            return new MigrationListener(address, options, new Socket(new SafeSocketHandle(unix.Handle.DangerousGetHandle(), ownsHandle: false)), unix);
        }

        Socket? socket = null;
        try
        {
            IPAddress where = AddressOf(address.Host);
            socket = new Socket(where.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            if (where.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(new IPEndPoint(where, address.Port));
            socket.Listen(Backlog);
            return new MigrationListener(address with { Port = ((IPEndPoint)socket.LocalEndPoint!).Port }, options, socket, unix: null);
        }
        catch (SocketException exception)
        {
            socket?.Dispose();
            throw new IOException($"cannot listen on {address}: {LinkFailure.Describe(exception)}", exception);
        }
    }

    /// <summary>The next link whose connections are all there. Whether it is a new migration's or resumes one, its <see cref="MigrationLink.Session"/> tells.</summary>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="ObjectDisposedException">It does not listen any more.</exception>
    public async Task<MigrationLink> AcceptAsync(CancellationToken cancellation = default)
    {
        try
        {
            return await _links.Reader.ReadAsync(cancellation).ConfigureAwait(false);
        }
        catch (ChannelClosedException exception)
        {
            throw new ObjectDisposedException($"nothing listens on {Address} any more", exception);
        }
    }

    /// <summary>Stops listening. Links that nobody has accepted are closed; those that were accepted stay.</summary>
    public void Dispose()
    {
        if (!_links.Writer.TryComplete())
        {
            return;
        }

        _ended.Cancel();
        _socket.Dispose();
        _unix?.Dispose();
        _waiting.Dispose();
        while (_links.Reader.TryRead(out MigrationLink? link))
        {
            link.Dispose();
        }
    }

    private static IPAddress AddressOf(string host)
        => string.Equals(host, "*", StringComparison.Ordinal) ? (Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any)
            : IPAddress.TryParse(host, out IPAddress? address) ? address
            : Dns.GetHostAddresses(host) is [var first, ..] ? first
            : throw new SocketException((int)SocketError.HostNotFound);

    private async Task AcceptConnectionsAsync()
    {
        while (!_ended.IsCancellationRequested)
        {
            try
            {
                Take(await _socket.AcceptAsync(_ended.Token).ConfigureAwait(false));
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // It has gone again, or no descriptor is left: what waits in the queue is looked at again in a while.
                await Task.Delay(PauseWithoutDescriptors, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private void Take(Socket socket)
    {
        try
        {
            if (_unix is not null && !MayConnect(LinkSockets.UserOf(socket)))
            {
                socket.Dispose();
                return;
            }

            LinkSockets.Prepare(socket, _unix is not null);
            var connection = new WaitingConnection(socket, _options.ConnectTimeout);
            _waiting.Add(connection);

            // A thread of its own, because the socket has to block for the link's life; there are never more than may wait.
            new Thread(() => Greet(connection), StackBytes) { IsBackground = true, Name = "uffd link greeting" }.Start();
        }
        catch (Exception exception) when (exception is IOException or SocketException or OutOfMemoryException or ThreadStartException)
        {
            socket.Dispose();
        }
    }

    private bool MayConnect(uint user) => user == 0 || user == PeerCredentials.OwnUserId || _options.AllowedUsers.Contains(user);

    private void Greet(WaitingConnection connection)
    {
        try
        {
            if (connection.Greet(_options.Tls) is not { } preface)
            {
                _waiting.Drop(connection);
            }
            else if (_waiting.Speak(connection, preface) is { } complete)
            {
                Finish(preface.Session, complete);
            }
        }
        catch (Exception)
        {
            // Whatever somebody unknown has sent: it is of this connection alone.
            _waiting.Drop(connection);
        }
    }

    /// <summary>Answers a link whose connections are all there, and hands it on; where one has gone meanwhile all are closed.</summary>
    private void Finish(Guid session, WaitingConnection[] connections)
    {
        var streams = new List<Stream>(connections.Length);
        try
        {
            foreach (WaitingConnection connection in connections)
            {
                connection.Answer();
            }

            foreach (WaitingConnection connection in connections)
            {
                if (connection.Release() is { } stream)
                {
                    streams.Add(stream);
                }
            }

            if (streams.Count == connections.Length)
            {
                var link = new MigrationLink(session, streams);
                if (!_links.Writer.TryWrite(link))
                {
                    link.Dispose();
                }

                return;
            }
        }
        catch (Exception exception) when (LinkFailure.IsOfConnection(exception))
        {
            // the whole link is closed below
        }

        streams.ForEach(stream => stream.Dispose());
        foreach (WaitingConnection connection in connections)
        {
            connection.Dispose();
        }
    }
}
