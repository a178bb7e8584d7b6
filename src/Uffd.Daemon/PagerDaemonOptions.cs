using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>How a <see cref="PagerDaemon"/> serves.</summary>
public sealed record PagerDaemonOptions
{
    /// <summary>Where to listen: the path of a Unix socket, at most 107 bytes. It is made with mode 0600 and removed at the end.</summary>
    public required string SocketPath { get; init; }

    /// <summary>The content that all clients are served from. Not owned.</summary>
    public required IPageSource Image { get; init; }

    /// <summary>Whether to bring what clients have not touched yet. Default: true.</summary>
    public bool BackgroundFill { get; init; } = true;

    /// <summary>How many bytes a second the background fill may bring each client. Default: 0, as many as it can.</summary>
    public ulong BackgroundBytesPerSecond { get; init; }

    /// <summary>
    /// How many bytes at most to bring ahead of a thread that goes through its memory in order:
    /// <see cref="AddressSpaceOptions.ReadAheadBytes"/>. Default: null, as there.
    /// </summary>
    public ulong? ReadAheadBytes { get; init; }

    /// <summary>
    /// Whether clients that ask get the image as a memfd that all of them map and share: what is touched of it is then in memory once and
    /// not once for each. That memory is this process's, and is kept until it stops; with copies it is the client's own. Default: false.
    /// </summary>
    public bool ShareImage { get; init; }

    /// <summary>
    /// How long a read of an image that takes its time may take before it counts as failed: <see cref="AddressSpaceOptions.SourceTimeout"/>. Infinite for one that is known to
    /// come back, such as another host's. Default: null, as there.
    /// </summary>
    public TimeSpan? ImageTimeout { get; init; }

    /// <summary>What happens to a page that cannot be had. Default: it is poisoned.</summary>
    public FaultFailurePolicy FailurePolicy { get; init; }

    /// <summary>
    /// Users who may connect besides the one this runs as and root. Each can have this process read the image for it and spend its
    /// memory and time. Making it non-empty also makes the socket connectable for all users, with this check behind it. Default: none.
    /// </summary>
    public IReadOnlyCollection<uint> AllowedUsers { get; init; } = [];

    /// <summary>How long a client may take over its handshake. Default: 10 s.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The most clients at once, those included that were refused and whose descriptor is kept. Default: 1024.</summary>
    public int MaxClients { get; init; } = 1024;

    /// <summary>
    /// How long stopping may go on bringing what clients still miss, before the failure policy settles the rest. Default: 10 s.
    /// </summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long to look for the next fault before sleeping: <see cref="AddressSpaceOptions.Spin"/>. Default: null, by measurement.</summary>
    public TimeSpan? Spin { get; init; }

    /// <summary>The CPUs that serve the clients' faults: <see cref="AddressSpaceOptions.Cpus"/>. Default: null, anywhere.</summary>
    public IReadOnlyList<int>? Cpus { get; init; }

    /// <summary>
    /// Where to write the working set of all clients together: the pages that they touched, in order of first touch. Written whenever a
    /// client is gone and at the end. There is no read-ahead then. Switch <see cref="BackgroundFill"/> off too: what is there before
    /// it is touched is not seen. Default: null, nowhere.
    /// </summary>
    public string? RecordPath { get; init; }

    /// <summary>What to bring each client first, in bulk: <see cref="AddressSpaceOptions.Replay"/>. It must fit the image. Default: nothing.</summary>
    public WorkingSet? Replay { get; init; }

    /// <summary>Told what happens, one event at a time. Must be quick and not throw. Default: nobody.</summary>
    public Action<DaemonEvent>? Observer { get; init; }
}
