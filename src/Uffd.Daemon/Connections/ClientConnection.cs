using System.Diagnostics;
using System.Globalization;
using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>One connection: what has come on it, what is to go out, and whether it is read from.</summary>
internal sealed class ClientConnection : IDisposable
{
    /// <summary>Set in a token that tells of the process's end, not of the socket.</summary>
    public const ulong ExitBit = 1UL << 62;

    private readonly EventPoller _poller;
    private readonly ProcessHandle? _process;
    private long _deadline;

    public ClientConnection(FdChannel channel, PeerCredentials peer, ulong token, EventPoller poller)
    {
        _poller = poller;
        Channel = channel;
        Peer = peer;
        Token = token;
        _process = channel.OpenPeerProcess();
    }

    public FdChannel Channel { get; }

    public PeerCredentials Peer { get; }

    public ulong Token { get; }

    /// <summary>Whether the time is over that it was given last, for its text to be complete or an answer to be read.</summary>
    public bool IsOverdue => Stopwatch.GetTimestamp() > _deadline;

    public HandshakeReader Reader { get; } = new();

    /// <summary>What is kept for its process, unserved.</summary>
    public HeldDescriptors Held { get; } = new();

    /// <summary>Whether what it sends is still read.</summary>
    public bool IsListening { get; private set; } = true;

    /// <summary>Whether a handshake went through.</summary>
    public bool HasAttached { get; set; }

    /// <summary>Whether it was taken in beyond the most clients, in case it only asks.</summary>
    public bool IsAtTheDoor { get; set; }

    /// <summary>Whether a request of it was answered.</summary>
    public bool HasAsked { get; set; }

    /// <summary>How many requests were answered since it was last its turn.</summary>
    public int AnswersOfTurn { get; set; }

    /// <summary>The answer on its way to it.</summary>
    public AnswerOutbox Outbox { get; } = new();

    /// <summary>Whether what it sends is left unread for now: it has not read its answer, or has asked much.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>Whether all it has done is ask: it is nobody's memory, and no client.</summary>
    public bool IsAsking => HasAsked && !HasAttached && Held.IsEmpty;

    /// <summary>Whether a text is due: the first, or a further one that has begun.</summary>
    public bool IsHandshaking => (!HasAttached && !HasAsked) || Reader.IsInTheMiddle;

    /// <summary>Whether there is a reason to keep it: it may say more, is served, or something is kept for it, while its process lives.</summary>
    public bool IsWanted => (IsListening || HasAttached || !Held.IsEmpty) && !HasExited;

    public bool HasExited => _process?.HasExited ?? true;

    /// <summary>Gives it so much time from now on.</summary>
    public void AllowTime(TimeSpan time) => _deadline = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);

    public void Watch()
    {
        _poller.Add(Channel.Handle, Token);
        if (_process is not null)
        {
            _poller.Add(_process.Handle, Token | ExitBit);
        }
    }

    /// <summary>Leaves unread what it sends: bytes that wait must not wake us again and again.</summary>
    public void Pause()
    {
        if (!IsPaused)
        {
            IsPaused = true;
            _poller.Remove(Channel.Handle);
        }
    }

    /// <summary>Reads again.</summary>
    public void Resume()
    {
        IsPaused = false;
        AnswersOfTurn = 0;
        _poller.Add(Channel.Handle, Token);
    }

    /// <summary>
    /// Reads no more from it, and keeps every userfaultfd that it has sent and that is not served. The channel stays open until
    /// the process ends, so that the client sees no early end.
    /// </summary>
    public void StopListening()
    {
        if (!IsListening)
        {
            return;
        }

        IsListening = false;
        _poller.Remove(Channel.Handle);
        Channel.ShutDownReceiving();
        var rest = new List<SafeDescriptorHandle>(Reader.TakeDescriptors());
        try
        {
            byte[] ignored = new byte[4096];
            FdReceiveResult result;
            do
            {
                result = Channel.Receive(ignored, rest);
            }
            while (result is { IsEnd: false, WouldBlock: false });
        }
        catch (UffdException)
        {
            // The connection broke: nothing more comes out of it.
        }

        Held.KeepUserfaultfds(rest);
    }

    /// <summary>Reads nothing at all from it: what it sent, descriptors too, is closed with it by the kernel.</summary>
    public void TurnAway()
    {
        IsListening = false;
        _poller.Remove(Channel.Handle);
        if (_process is not null)
        {
            _poller.Remove(_process.Handle);
        }
    }

    public void StopWatching()
    {
        StopListening();
        if (_process is not null)
        {
            _poller.Remove(_process.Handle);
        }
    }

    /// <summary>Before what is kept for its process closes for good: <see cref="HeldDescriptors.Settle"/>.</summary>
    /// <returns>One line that says what had to be done or could not be, or null.</returns>
    public string? SettleHeld(FaultFailurePolicy policy) => _process is null ? null : Held.Settle(_process, Peer.ProcessId, policy);

    public void Dispose()
    {
        Held.Dispose();
        Reader.Dispose();
        Channel.Dispose();
        _process?.Dispose();
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"pid {Peer.ProcessId}");
}
