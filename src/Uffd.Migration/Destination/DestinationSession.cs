using System.Diagnostics;

namespace Uffd.Migration;

/// <summary>
/// The destination's side of the conversation. What comes is handled on the threads that read it; the switch, which may take its time, on the migration's own (<see cref="DestinationWork"/>).
/// </summary>
internal sealed class DestinationSession : IFrameHandler, IDisposable
{
    private readonly MigrationDestinationOptions _options;
    private readonly Func<Tally> _tally;
    private readonly object _gate = new();
    private readonly HeadWriter _writer = new();
    private readonly SwitchReceiving _switch = new();
    private PageReceivers? _receivers;
    private PageTaking? _taking;
    private HelloMessage? _hello;
    private WireLink? _welcomed;
    private DestinationState _state;
    private bool _isSwitching;
    private bool _isAcknowledged;
    private Exception? _ended;
    private PeerException? _refusal;

    public DestinationSession(MigrationDestinationOptions options, Func<Tally> tally) => (_options, _tally) = (options, tally);

    public IReadOnlyList<DestinationRegion> Regions { get; private set; } = [];

    /// <summary>Whether the source has said what moves.</summary>
    public bool HasRegions => Regions.Count > 0;

    public RequestTable Requests { get; } = new();

    /// <summary>What the source sent for the workload.</summary>
    public ReadOnlyMemory<byte> WorkloadState => _switch.State;

    public long ReceivedBytes => _taking?.ReceivedBytes ?? 0;

    public DestinationState State
    {
        get
        {
            lock (_gate)
            {
                return _state;
            }
        }
    }

    public bool IsAcknowledged
    {
        get
        {
            lock (_gate)
            {
                return _isAcknowledged;
            }
        }
    }

    /// <summary>The order to switch has come.</summary>
    public bool IsSwitching
    {
        get
        {
            lock (_gate)
            {
                return _isSwitching;
            }
        }
    }

    /// <summary>Waits until something is so, the link is broken, or the source ended it.</summary>
    /// <returns>Whether it is so.</returns>
    public bool WaitFor(WireLink? link, Func<bool> isSo, TimeSpan timeout, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        lock (_gate)
        {
            while (!isSo())
            {
                if (_ended is not null && _state == DestinationState.Taking)
                {
                    throw _ended;
                }

                cancellation.ThrowIfCancellationRequested();
                TimeSpan left = timeout == Timeout.InfiniteTimeSpan ? TimeSpan.FromMilliseconds(200) : timeout - Stopwatch.GetElapsedTime(start);
                if (link is { IsBroken: true } || left <= TimeSpan.Zero)
                {
                    return false;
                }

                Monitor.Wait(_gate, left < TimeSpan.FromMilliseconds(200) ? left : TimeSpan.FromMilliseconds(200));
            }

            return true;
        }
    }

    /// <summary>Has who waits look again.</summary>
    public void Pulse()
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Another stage is reached: told to the source now, or when there is a link again.</summary>
    public void Reach(DestinationState state)
    {
        WireLink? link;
        lock (_gate)
        {
            _state = state;
            link = _welcomed;
            Monitor.PulseAll(_gate);
        }

        if (link is not null)
        {
            Announce(link, state);
        }
    }

    /// <summary>Tells the source why it ends, now and on every later link.</summary>
    public void Refuse(string reason, bool isNotStarted)
    {
        WireLink? link;
        lock (_gate)
        {
            _refusal = new PeerException(reason, isNotStarted);
            link = _welcomed;
        }

        if (link is not null)
        {
            TryTell(link);
        }
    }

    void IFrameHandler.Handle(WireLink link, int stream, in FrameHeader header, ReadOnlySpan<byte> head, FrameReader reader)
    {
        RequestTable.MarkReader();
        switch (header.Type)
        {
            case FrameType.Hello when stream == 0 && link != _welcomed:
                Welcome(link, HelloMessage.Read(head));
                break;
            case FrameType.Error:
                End(PeerException.Read(head));
                break;
            case var _ when link != _welcomed:
                throw new WireException("the other side does not begin as a source of a migration does");
            case FrameType.Pages:
                TakePages(stream, header, head, reader);
                break;
            case FrameType.Flush:
                Acknowledge(link, stream, head);
                break;
            default:
                TakeMessage(stream, header.Type, head);
                break;
        }
    }

    void IFrameHandler.Broke(WireLink link, Exception reason)
    {
        Requests.Drop(link);
        Pulse();
    }

    public void Dispose()
    {
        Requests.Dispose();
        _receivers?.Dispose();

        if (State < DestinationState.Started)
        {
            foreach (DestinationRegion region in Regions)
            {
                region.Dispose();
            }
        }
    }

    private void End(Exception exception)
    {
        lock (_gate)
        {
            _ended ??= exception;
            Monitor.PulseAll(_gate);
        }

        throw exception; // and the link with it
    }

    private void Welcome(WireLink link, HelloMessage hello)
    {
        if (_hello is null)
        {
            Begin(link, hello);
        }
        else if (!hello.IsSameAs(_hello))
        {
            throw WireException.Violation("the source says that it moves something else than before");
        }

        DestinationState state;
        lock (_gate)
        {
            state = _state;
            _welcomed = link;
            if (!_isSwitching)
            {
                _switch.Reset(Regions);
            }
        }

        if (!TryTell(link))
        {
            new WelcomeMessage(OwnCapabilities.All, state, [.. Regions.Select(region => region.Base is not null)]).Write(_writer);
            link.Control.Write(FrameType.Welcome, _writer.Written);
            Requests.Use(link);
            Announce(link, State); // it may have been reached between the two
        }
    }

    private void Begin(WireLink link, HelloMessage hello)
    {
        if (hello.Session != link.Session)
        {
            throw WireException.Violation("the source speaks of another migration than its connections");
        }

        try
        {
            Tally tally = _tally();
            Regions = new RegionPreparation(_options, Requests, tally).Make(hello, link);
            _taking = new PageTaking(Regions, Requests, tally);
            _receivers = new PageReceivers(Regions);
        }
        catch (Exception exception) // a landing may be anyone's code
        {
            Refuse(exception.Message, isNotStarted: true);
            PeerException.Write(link.Control, exception.Message, isNotStarted: true);
            End(exception as IOException ?? new IOException(exception.Message, exception));
        }

        _hello = hello;
    }

    private void TakePages(int stream, in FrameHeader header, ReadOnlySpan<byte> head, FrameReader reader)
    {
        if (IsSwitching)
        {
            _taking!.Answer(_receivers!.Of(stream), header, head, reader);
        }
        else
        {
            try
            {
                _taking!.Land(_receivers!.Of(stream), header, head, reader);
            }
            catch (LandingException exception)
            {
                Refuse(exception.Message, isNotStarted: true);
                End(new IOException(exception.Message, exception.InnerException));
            }
        }
    }

    private static void Acknowledge(WireLink link, int stream, ReadOnlySpan<byte> head)
    {
        var reader = new HeadReader(head);
        ulong token = reader.UInt64();
        reader.End();
        link.Control.Write(FrameType.Flushed, new HeadWriter().UInt32((uint)stream).UInt64(token).Written);
    }

    private void TakeMessage(int stream, FrameType type, ReadOnlySpan<byte> head)
    {
        lock (_gate)
        {
            switch (type)
            {
                case FrameType.Map when stream == 0 && !_isSwitching:
                    SwitchReceiving.TakeMap(head, Regions);
                    break;
                case FrameType.State when stream == 0 && !_isSwitching:
                    _switch.TakeState(head);
                    break;
                case FrameType.Switch when stream == 0 && !_isSwitching:
                    _switch.Finish(head, Regions);
                    _isSwitching = true;
                    break;
                case FrameType.Bye when stream == 0 && _state == DestinationState.Complete:
                    _isAcknowledged = true;
                    break;
                default:
                    throw WireException.Violation($"a source does not send frames of type {(byte)type} here");
            }

            Monitor.PulseAll(_gate);
        }
    }

    private bool TryTell(WireLink link)
    {
        if (_refusal is not { } refusal)
        {
            return false;
        }

        try
        {
            PeerException.Write(link.Control, refusal.Message, refusal.IsNotStarted);
        }
        catch (LinkException exception)
        {
            link.Break(exception);
        }

        return true;
    }

    /// <summary>Twice does no harm.</summary>
    private static void Announce(WireLink link, DestinationState state)
    {
        if (state < DestinationState.Started)
        {
            return;
        }

        try
        {
            link.Control.Write(state == DestinationState.Started ? FrameType.Started : FrameType.Done, []);
        }
        catch (LinkException exception)
        {
            link.Break(exception);
        }
    }
}
