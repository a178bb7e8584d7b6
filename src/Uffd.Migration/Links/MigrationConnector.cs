using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;

namespace Uffd.Migration;

/// <summary>Makes links to a <see cref="MigrationListener"/>.</summary>
/// <param name="address">Where it listens.</param>
/// <param name="options">How; null for the defaults.</param>
public sealed class MigrationConnector(MigrationAddress address, MigrationLinkOptions? options = null)
{
    private readonly MigrationLinkOptions _options = Checked(options ?? new MigrationLinkOptions());

    /// <summary>Makes one.</summary>
    /// <param name="session">A new one for a new migration, the old one to resume.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="IOException">Nobody listens, it is not whom it should be, or it took too long: the message says which.</exception>
    public async Task<MigrationLink> ConnectAsync(Guid session, CancellationToken cancellation = default)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_options.ConnectTimeout);
        using var attempt = new LinkAttempt(_options.Tls, address.Host);
        try
        {
            EndPoint[] places = await FindAsync(limit.Token).ConfigureAwait(false);
            using CancellationTokenRegistration abort = limit.Token.Register(attempt.Dispose); // ends whatever blocks
            EndPoint place = await OnThread(() => attempt.ConnectAny(places, new LinkPreface(session, 0, _options.Connections))).ConfigureAwait(false);
            await Task.WhenAll(Enumerable.Range(1, _options.Connections - 1)
                .Select(index => OnThread(() => attempt.ConnectAny([place], new LinkPreface(session, index, _options.Connections))))).ConfigureAwait(false);
            await OnThread(attempt.AwaitAnswers).ConfigureAwait(false);
            return attempt.Take(session) ?? throw new OperationCanceledException(limit.Token);
        }
        catch (Exception exception) when (limit.IsCancellationRequested && (exception is OperationCanceledException || LinkFailure.IsOfConnection(exception)))
        {
            cancellation.ThrowIfCancellationRequested();
            throw new IOException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"cannot connect to {address}: it took longer than {_options.ConnectTimeout.TotalSeconds:0.###} s"), exception);
        }
        catch (Exception exception) when (exception is AuthenticationException or InvalidDataException)
        {
            throw new IOException($"cannot connect to {address}: {exception.Message}", exception);
        }
        catch (SocketException exception)
        {
            throw new IOException($"cannot connect to {address}: {LinkFailure.Describe(exception)}", exception);
        }
        catch (Exception exception) when (LinkFailure.IsOfConnection(exception))
        {
            string why = _options.Tls is not null ? "the connection was closed; does it trust this side's certificate?" : "the connection was closed; does it want TLS?";
            throw new IOException($"cannot connect to {address}: {why}", exception);
        }
    }

    private static MigrationLinkOptions Checked(MigrationLinkOptions options)
        => options.Connections is >= 1 and <= MigrationLink.MaxStreams
            ? options
            : throw new ArgumentOutOfRangeException(nameof(options), options.Connections, $"a link has 1 to {MigrationLink.MaxStreams} connections");

    private async Task<EndPoint[]> FindAsync(CancellationToken cancellation)
    {
        if (address.Path is { } path)
        {
            return [UnixPlace(path)];
        }

        IPAddress[] found = IPAddress.TryParse(address.Host, out IPAddress? literal) ? [literal] : await Dns.GetHostAddressesAsync(address.Host, cancellation).ConfigureAwait(false);
        return found.Length > 0 ? [.. found.Select(one => new IPEndPoint(one, address.Port))] : throw new SocketException((int)SocketError.HostNotFound);
    }

    private static UnixDomainSocketEndPoint UnixPlace(string path)
    {
        try
        {
            return new UnixDomainSocketEndPoint(path);
        }
        catch (ArgumentException exception)
        {
            throw new InvalidDataException("the socket's path is too long", exception);
        }
    }

    private static Task OnThread(Action work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static Task<T> OnThread<T>(Func<T> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
