using System.Net;
using Uffd.Migration;
using Uffd.Samples.KeyValue;

namespace Uffd.Tool.Migrate;

/// <summary>What a destination tells when it is over.</summary>
/// <param name="Summary">Of the migration.</param>
/// <param name="Faults">Requests that waited for a page to come.</param>
internal sealed record MigrateReceived(MigrationSummary Summary, long Faults);

/// <summary>The destination: takes in one store, and answers its clients.</summary>
internal sealed class MigrateDestinationSide : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly MigrationListener _listener;
    private readonly KeyValueServer _server;

    /// <summary>Listens.</summary>
    /// <param name="address">Where memory comes; clients are answered a port further, or at any that is free when this is to take any.</param>
    /// <param name="links">How connections are made.</param>
    /// <exception cref="IOException">It cannot listen there.</exception>
    public MigrateDestinationSide(MigrationAddress address, MigrationLinkOptions links)
    {
        _listener = MigrationListener.Listen(address, links);
        try
        {
            _server = new KeyValueServer(new IPEndPoint(Resolve(address.Host), address.Port == 0 ? 0 : address.Port + 1), store: null);
        }
        catch (System.Net.Sockets.SocketException exception)
        {
            _listener.Dispose();
            throw new IOException($"clients cannot be answered at port {address.Port + 1}: {exception.Message}", exception);
        }
    }

    /// <summary>Where memory comes.</summary>
    public MigrationAddress Address => _listener.Address;

    /// <summary>Where clients are answered.</summary>
    public IPEndPoint Clients => _server.Address;

    /// <summary>Takes in one store, which goes on being served until this is disposed.</summary>
    /// <param name="maxBytes">The most that it may have.</param>
    /// <param name="observer">Told of what happens.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    public async Task<MigrateReceived> ReceiveAsync(ulong maxBytes, Action<MigrationEvent>? observer, CancellationToken cancellation)
    {
        using var receiver = new StoreReceiver(_listener, maxBytes, store => _server.Store = store, observer);
        MigrationSummary summary = await receiver.RunAsync(cancellation).WaitAsync(cancellation);
        return new MigrateReceived(summary, _server.Store?.Landing?.GetStatistics().Faults ?? 0);
    }

    /// <summary>Ends when those clients that have come have gone again.</summary>
    public async Task ServeAsync(CancellationToken cancellation)
    {
        bool hadClients = false;
        for (TimeSpan idle = TimeSpan.Zero; idle < (hadClients ? Tick * 5 : Patience); idle += Tick)
        {
            if (_server.Connections > 0)
            {
                hadClients = true;
                idle = TimeSpan.Zero;
            }

            await Task.Delay(Tick, cancellation);
        }
    }

    public void Dispose()
    {
        _server.Dispose();
        _listener.Dispose();
        _server.Store?.Dispose();
    }

    private static IPAddress Resolve(string host)
    {
        try
        {
            return host is "*" ? (System.Net.Sockets.Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any)
                : IPAddress.TryParse(host, out IPAddress? address) ? address
                : Dns.GetHostAddresses(host)[0];
        }
        catch (System.Net.Sockets.SocketException exception)
        {
            throw new IOException($"{host} is not known: {exception.Message}", exception);
        }
    }
}
