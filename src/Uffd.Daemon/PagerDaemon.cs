using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>
/// The long-running pager: listens on a Unix socket with Firecracker's handshake and serves the page faults of every process
/// that hands over its userfaultfd, from one image. A client that misbehaves is refused with one line and dropped alone.
/// </summary>
/// <remarks>docs/serving.md tells the protocol, and what clients get when the image, they, or this daemon fail.</remarks>
public sealed class PagerDaemon : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Everyone = OwnerOnly
        | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private readonly PagerDaemonOptions _options;
    private readonly Pager _pager;
    private readonly FdListener _listener;
    private readonly ConnectionLoop _connections;
    private readonly ClientReports _reports;
    private readonly WorkingSetRecording? _recording;
    private readonly StatusRequest _status;
    private readonly ImageSharing _sharing;
    private int _stopped;

    /// <summary>Listens. Clients are served from now on.</summary>
    /// <param name="options">How.</param>
    /// <exception cref="UffdException">The socket cannot be made: the message says why.</exception>
    /// <exception cref="IOException">The working set could not be written where it was asked for.</exception>
    /// <exception cref="ArgumentException">The working set to replay is of another image.</exception>
    public PagerDaemon(PagerDaemonOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Replay?.FindMismatch(options.Image.Length) is { } mismatch)
        {
            throw new ArgumentException($"the working set does not fit the image: {mismatch}", nameof(options));
        }

        _options = options;
        _reports = new ClientReports(options.Observer);
        _recording = options.RecordPath is { } path ? new WorkingSetRecording(path, options.Image, _reports) : null;
        _pager = new Pager(new PagerOptions { Notice = _reports.Notice, Forked = FollowChild });
        try
        {
            _listener = FdListener.Listen(options.SocketPath, options.AllowedUsers.Count == 0 ? OwnerOnly : Everyone);
        }
        catch
        {
            _pager.Dispose();
            throw;
        }

        _status = new StatusRequest(options, _pager, _reports);
        _sharing = new ImageSharing(options);
        RequestTable requests = new RequestTable()
            .Add(StatusRequest.Name, _status.Answer)
            .Add(ImageRequest.Name, new ImageRequest(_sharing, options.Image).Answer);
        _connections = new ConnectionLoop(options, _pager, _listener, _reports, _sharing, requests, _recording);
        _connections.Start();
        _reports.Report(new DaemonEvent(DaemonEventKind.Ready, options.SocketPath));
    }

    /// <summary>The clients that are being served, forked children among them.</summary>
    public IReadOnlyCollection<AddressSpace> Clients => _pager.AddressSpaces;

    /// <summary>What it serves and has done, as it also tells who asks on its socket. Also after it has stopped.</summary>
    public DaemonStatus GetStatus() => _status.Take();

    /// <summary>
    /// Stops: no new clients, then everything that clients still miss is brought for up to
    /// <see cref="PagerDaemonOptions.DrainTimeout"/>, and what is missing after that is settled by the failure policy. No client is
    /// left to read zeros.
    /// </summary>
    /// <param name="hurry">Cancelled to bring nothing more and settle at once.</param>
    public async Task StopAsync(CancellationToken hurry = default)
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0)
        {
            return;
        }

        await _connections.StopAcceptingAsync().ConfigureAwait(false);
        long pending = _pager.AddressSpaces.Sum(space => space.GetStatistics().PendingPages);
        if (pending > 0 && _options.DrainTimeout > TimeSpan.Zero && !hurry.IsCancellationRequested)
        {
            _reports.Report(new DaemonEvent(
                DaemonEventKind.Draining,
                $"bringing the {pending} pages that {_pager.AddressSpaces.Count} clients still miss, for at most {_options.DrainTimeout.TotalSeconds:0.#} s"));
            try
            {
                await _pager.CompleteAsync(_options.DrainTimeout).WaitAsync(hurry).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // Asked to hurry: settle what is missing.
            }
        }

        await Task.Run(_connections.PoisonUntold, CancellationToken.None).ConfigureAwait(false);
        await Task.Run(_pager.Dispose, CancellationToken.None).ConfigureAwait(false);
        _connections.Dispose();
        _sharing.Dispose();
        await _reports.FlushAsync().ConfigureAwait(false);
        await Task.Run(() => _recording?.Save(), CancellationToken.None).ConfigureAwait(false);
        _reports.Report(new DaemonEvent(DaemonEventKind.Stopped, "stopped"));
    }

    /// <summary>As <see cref="StopAsync"/>, waiting for it.</summary>
    public void Dispose()
    {
        Task.Run(() => StopAsync()).GetAwaiter().GetResult();
        _connections.Dispose();
        _listener.Dispose();
        _pager.Dispose();
    }

    private void FollowChild(AddressSpace child)
    {
        _reports.Forked(child);
        _recording?.Watch(child);
    }
}
