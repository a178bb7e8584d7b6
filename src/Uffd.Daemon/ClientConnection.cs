using System.Globalization;

namespace Uffd.Daemon;

/// <summary>One connection: its handshake, and the descriptors kept for its process.</summary>
internal sealed class ClientConnection : IDisposable
{
    /// <summary>Set in a token that tells of the process's end, not of the socket.</summary>
    public const ulong ExitBit = 1UL << 62;

    private readonly List<Userfaultfd> _held = [];
    private readonly ProcessHandle? _process;

    public ClientConnection(FdChannel channel, PeerCredentials peer, ulong token)
    {
        Channel = channel;
        Peer = peer;
        Token = token;
        _process = channel.OpenPeerProcess();
    }

    public FdChannel Channel { get; }

    public PeerCredentials Peer { get; }

    public ulong Token { get; }

    /// <summary>When a handshake that has begun must be complete (<see cref="System.Diagnostics.Stopwatch"/>).</summary>
    public long Deadline { get; set; }

    public HandshakeReader Reader { get; } = new();

    /// <summary>Whether what it sends is still read.</summary>
    public bool IsListening { get; private set; } = true;

    /// <summary>Whether a handshake went through.</summary>
    public bool HasAttached { get; set; }

    /// <summary>Whether a handshake is due: the first, or a further one that has begun.</summary>
    public bool IsHandshaking => !HasAttached || Reader.IsInTheMiddle;

    public bool IsHolding => _held.Count > 0;

    public bool HasExited => _process?.HasExited ?? true;

    public void Watch(EventPoller poller)
    {
        poller.Add(Channel.Handle, Token);
        if (_process is not null)
        {
            poller.Add(_process.Handle, Token | ExitBit);
        }
    }

    /// <summary>Reads no more from it. The channel stays open until the process ends, so that the client sees no early end.</summary>
    public void StopListening(EventPoller poller)
    {
        if (IsListening)
        {
            IsListening = false;
            poller.Remove(Channel.Handle);
        }
    }

    public void StopWatching(EventPoller poller)
    {
        StopListening(poller);
        if (_process is not null)
        {
            poller.Remove(_process.Handle);
        }
    }

    /// <summary>
    /// Takes the userfaultfd of a message. Other descriptors that came with it (a memfd, for one) have no use here and are closed;
    /// a second userfaultfd is kept, for it must not be.
    /// </summary>
    public Userfaultfd? TakeUserfaultfd(IReadOnlyList<SafeDescriptorHandle> descriptors, out string? fault)
    {
        Userfaultfd? first = null;
        fault = null;
        foreach (SafeDescriptorHandle descriptor in descriptors)
        {
            try
            {
                var userfaultfd = Userfaultfd.FromDescriptor(descriptor);
                if (first is null)
                {
                    first = userfaultfd;
                }
                else
                {
                    _held.Add(userfaultfd);
                    fault = "more than one userfaultfd came with one text";
                }
            }
            catch (UffdException exception)
            {
                fault ??= first is null ? exception.Message : null;
                descriptor.Dispose();
            }
        }

        if (first is not null && IsHolding)
        {
            _held.Add(first);
            return null;
        }

        fault = first is null ? fault ?? "no userfaultfd came with the text" : null;
        return first;
    }

    /// <summary>Keeps a userfaultfd, unserved, until the process ends.</summary>
    public void Hold(Userfaultfd userfaultfd) => _held.Add(userfaultfd);

    /// <summary>Keeps what the unfinished handshake had brought.</summary>
    public void HoldRest()
    {
        foreach (SafeDescriptorHandle descriptor in Reader.TakeDescriptors())
        {
            try
            {
                _held.Add(Userfaultfd.FromDescriptor(descriptor));
            }
            catch (UffdException)
            {
                descriptor.Dispose(); // no userfaultfd: nothing depends on it
            }
        }
    }

    /// <summary>
    /// Before the kept descriptors close for good: poisons what the process has registered, as far as its maps can be read, so that
    /// it reads no zeros.
    /// </summary>
    public void SettleHeld()
    {
        if (!IsHolding || HasExited)
        {
            return;
        }

        foreach (AddressRange range in RegisteredRanges.Read(Peer.ProcessId))
        {
            foreach (Userfaultfd userfaultfd in _held)
            {
                RegisteredRanges.Poison(userfaultfd, range);
            }
        }
    }

    public void Dispose()
    {
        foreach (Userfaultfd userfaultfd in _held)
        {
            userfaultfd.Dispose();
        }

        Reader.Dispose();
        Channel.Dispose();
        _process?.Dispose();
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"pid {Peer.ProcessId}");
}
