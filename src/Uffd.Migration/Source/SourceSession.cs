using System.Diagnostics;
using System.Globalization;

namespace Uffd.Migration;

/// <summary>
/// The source's side of the conversation, over one link after another. Readers' threads put down here what the destination says; the migration's own thread waits for it.
/// </summary>
internal sealed class SourceSession : IFrameHandler, IDisposable
{
    private const int AnswerStalls = 3; // what is buffered on the way may take its time

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200); // in case somebody forgot to tell

    private readonly MigrationSourceOptions _options;
    private readonly Tally _tally;
    private readonly Action<MigrationEventKind, string> _tell;
    private readonly LinkSlot _links = new();
    private readonly CancellationTokenSource _givenUp = new(); // not disposed: it has nothing to free, and somebody may give up late
    private readonly object _gate = new();
    private readonly ulong[] _flushed = new ulong[MigrationLink.MaxStreams];
    private readonly HeadWriter _writer = new();
    private WireLink? _link;
    private WelcomeMessage? _welcome;
    private PeerException? _ended;
    private ulong _token;
    private DestinationState _state;
    private bool _hadLink;

    public SourceSession(SourceRegions regions, MigrationSourceOptions options, Tally tally, Action<MigrationEventKind, string> tell)
    {
        (Regions, _options, _tally, _tell) = (regions, options, tally, tell);
        Serving = new PageServing(regions, options, tally, tell);
    }

    public SourceRegions Regions { get; }

    public PageServing Serving { get; }

    /// <summary>Whether the switch may have been made: from then on nothing but <see cref="GiveUp"/> ends the waiting for another link.</summary>
    public bool IsCommitted { get; set; }

    /// <summary>How far the destination is, as it said last.</summary>
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

    /// <summary>Bytes that went over the link in use.</summary>
    public ulong LinkBytes => Volatile.Read(ref _link)?.WireBytes ?? 0;

    /// <summary>How many bytes of those that were missing at the switch have not been asked for; those that are asked for again count once too often.</summary>
    public ulong LeftToServe()
    {
        ulong missing = Regions.PendingBytes;
        return missing - Math.Min(missing, (ulong)Serving.ServedBytes);
    }

    public void Offer(MigrationLink link)
    {
        WireLink? before = Volatile.Read(ref _hadLink) ? Volatile.Read(ref _link) : null; // first: the new one may be in use at once
        _links.Offer(link);
        before?.Break(new LinkException("another connection took its place"));
    }

    public void GiveUp()
    {
        _givenUp.Cancel();
        Pulse();
    }

    /// <summary>Has who waits look again.</summary>
    public void Pulse()
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>The link, working: waits for another one where it is broken.</summary>
    /// <exception cref="MigrationException">None came.</exception>
    /// <exception cref="PeerException">The destination ended it.</exception>
    public WireLink GetLink(CancellationToken cancellation)
    {
        while (true)
        {
            ThrowIfEnded();
            if (_link is { IsBroken: false } working)
            {
                return working;
            }

            Exception? reason = DropLink();
            MigrationLink next = Await(reason, cancellation);
            try
            {
                Greet(next, cancellation);
            }
            catch (LinkException exception)
            {
                _link?.Break(exception);
            }
        }
    }

    /// <summary>Waits until something is so.</summary>
    /// <exception cref="LinkException">The link broke meanwhile.</exception>
    public void WaitFor(WireLink link, Func<bool> isSo, CancellationToken cancellation) => WaitFor(link, isSo, TimeSpan.MaxValue, cancellation);

    /// <summary>Waits for an answer that a destination always has: one that says that it is there, and never answers, does not hold up a workload.</summary>
    private void WaitForAnswer(WireLink link, Func<bool> isSo, CancellationToken cancellation) => WaitFor(link, isSo, AnswerStalls * _options.StallTimeout, cancellation);

    private void WaitFor(WireLink link, Func<bool> isSo, TimeSpan limit, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        lock (_gate)
        {
            while (!isSo())
            {
                ThrowIfEnded();
                if (link.Reason is { } reason)
                {
                    throw new LinkException(reason.Message, reason);
                }

                cancellation.ThrowIfCancellationRequested();
                ThrowIfGivenUp();
                if (Stopwatch.GetElapsedTime(start) > limit)
                {
                    throw new LinkException(string.Create(CultureInfo.InvariantCulture, $"the destination is there, and has not answered for {limit.TotalSeconds:0.##} s"));
                }

                Monitor.Wait(_gate, Look);
            }
        }
    }

    /// <summary>Returns when the destination has taken in every page that was sent over a link.</summary>
    public void Flush(WireLink link, CancellationToken cancellation)
    {
        ulong token = ++_token;
        ReadOnlySpan<FrameWriter> bulk = link.Bulk;
        foreach (FrameWriter writer in bulk)
        {
            _writer.Clear();
            writer.Write(FrameType.Flush, _writer.UInt64(token).Written);
        }

        int first = link.FirstBulk, count = bulk.Length;
        WaitForAnswer(link, () => _flushed.AsSpan(first, count).IndexOfAnyExcept(token) < 0, cancellation);
    }

    /// <summary>Ends the conversation, telling the other side why where it can be told.</summary>
    public void End(string? reason)
    {
        if (_link is { IsBroken: false } link && reason is not null)
        {
            try
            {
                PeerException.Write(link.Control, reason, isNotStarted: false);
            }
            catch (LinkException)
            {
                // then it finds out by itself
            }
        }

        _links.Dispose();
        DropLink();
    }

    void IFrameHandler.Handle(WireLink link, int stream, in FrameHeader header, ReadOnlySpan<byte> head, FrameReader reader)
    {
        if (header.Type == FrameType.Want)
        {
            var want = WantMessage.Read(head, Regions.PageCounts);
            if (!IsCommitted)
            {
                throw WireException.Violation("pages were asked for before the switch");
            }

            Serving.Take(link, want);
            return;
        }

        lock (_gate)
        {
            Note(link, header.Type, head);
            Monitor.PulseAll(_gate);
        }
    }

    void IFrameHandler.Broke(WireLink link, Exception reason)
    {
        Serving.Forget(link);
        Pulse();
    }

    public void Dispose()
    {
        End(null);
        Serving.Dispose();
    }

    private void Note(WireLink link, FrameType type, ReadOnlySpan<byte> head)
    {
        var reader = new HeadReader(head);
        switch (type)
        {
            case FrameType.Welcome when _welcome is null:
                _welcome = WelcomeMessage.Read(head, Regions.All.Length);
                MayCompress = (_welcome.Capabilities & OwnCapabilities.All & WireCapabilities.Zstd) != 0;
                Serving.Begin(link, MayCompress); // here and not later: the next frame may ask for pages
                Advance(_welcome.State);
                return;
            case FrameType.Flushed:
                uint stream = reader.UInt32();
                ulong token = reader.UInt64();
                if (stream >= MigrationLink.MaxStreams || token > _token)
                {
                    throw WireException.Violation("the destination acknowledges what was not sent");
                }

                _flushed[stream] = token;
                break;
            case FrameType.Started:
                Advance(DestinationState.Started);
                break;
            case FrameType.Done:
                Advance(DestinationState.Complete);
                break;
            case FrameType.Error:
                _ended = PeerException.Read(head);
                return;
            default:
                throw WireException.Violation($"a destination does not send frames of type {(byte)type} here");
        }

        reader.End();
    }

    private void Advance(DestinationState state)
    {
        if (state != DestinationState.Taking && !IsCommitted)
        {
            throw WireException.Violation("the destination says that it runs the workload, which was not sent");
        }

        _state = (DestinationState)Math.Max((byte)_state, (byte)state);
    }

    private Exception? DropLink()
    {
        if (_link is not { } link)
        {
            return null;
        }

        Volatile.Write(ref _link, null);
        link.Break(new LinkException("the connection is no longer used"));
        Exception? reason = link.Reason;
        link.Join();
        _tally.WentOver(link.WireBytes);
        bool isForeign = !_hadLink && !link.HasSpoken && reason is WireException;
        link.Dispose();
        if (!IsCommitted && (isForeign || reason is WireException { IsViolation: true }))
        {
            throw new MigrationException($"{reason!.Message}: is the other side a destination of Uffd?", reason);
        }

        Regions.SendAgain();
        return reason;
    }

    private MigrationLink Await(Exception? reason, CancellationToken cancellation)
    {
        if (reason is not null)
        {
            _tell(MigrationEventKind.Broken, $"the connection broke: {reason.Message}");
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _givenUp.Token);
        try
        {
            TimeSpan timeout = IsCommitted ? Timeout.InfiniteTimeSpan : _options.ResumeTimeout;
            return _links.Take(timeout, either.Token) ?? throw new MigrationException(string.Create(
                CultureInfo.InvariantCulture,
                $"the connection broke ({reason?.Message ?? "none was made"}) and was not resumed within {timeout.TotalSeconds:0.##} s"));
        }
        catch (OperationCanceledException) when (_givenUp.IsCancellationRequested)
        {
            throw GivenUp();
        }
    }

    private void Greet(MigrationLink next, CancellationToken cancellation)
    {
        lock (_gate)
        {
            _welcome = null;
            Array.Clear(_flushed);
        }

        var link = new WireLink(next, _options.StallTimeout, this);
        Volatile.Write(ref _link, link);
        link.Start();
        Regions.Describe(link.Session, OwnCapabilities.All).Write(_writer);
        link.Control.Write(FrameType.Hello, _writer.Written);
        WaitForAnswer(link, () => _welcome is not null, cancellation);
        for (int index = 0; index < Regions.All.Length; index++)
        {
            Regions.All[index].IsBaseThere = _welcome!.HasBase[index] && Regions.All[index].Base is not null;
        }

        if (_hadLink)
        {
            _tally.Resumed();
            _tell(MigrationEventKind.Resumed, "it goes on over another connection");
        }

        Volatile.Write(ref _hadLink, true);
    }

    /// <summary>Whether pages may be compressed on this link.</summary>
    public bool MayCompress { get; private set; }

    private void ThrowIfEnded()
    {
        lock (_gate)
        {
            if (_ended is not null)
            {
                throw _ended;
            }
        }
    }

    private void ThrowIfGivenUp()
    {
        if (_givenUp.IsCancellationRequested)
        {
            throw GivenUp();
        }
    }

    private static MigrationException GivenUp() => new("the destination was given up; what it had not fetched is lost to it") { MayHaveMoved = true };
}
