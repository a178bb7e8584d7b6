using System.Collections.Concurrent;

namespace Uffd.Paging;

/// <summary>A region's side of the connection to its pager process: requests, their answers, and what it tells of its own accord.</summary>
internal sealed class RawConnection
{
    private readonly PagerChild _child;
    private readonly RawChannel _channel;
    private readonly ConcurrentDictionary<long, TaskCompletionSource<RawMessage>> _waiting = new();
    private Action<RawRegionTrouble, string> _tell = (_, _) => { };
    private object? _region; // rooted by our thread: who has its pointer need not keep the object
    private Thread? _thread;
    private long _lastId;
    private volatile bool _ending;
    private volatile string? _gone;
    private volatile string? _unsaved;

    public RawConnection(PagerChild child)
    {
        _child = child;
        _channel = child.Channel;
    }

    public int ProcessId => _child.ProcessId;

    public string? Failure => _gone ?? _unsaved;

    /// <summary>Has the store opened.</summary>
    /// <returns>Its length.</returns>
    public ulong Open(StoreDescription store, RawSettings settings, TimeSpan timeout)
    {
        Send(new RawMessage { Kind = RawMessageKind.Open, Version = RawMessage.ProtocolVersion, Store = store, Settings = settings });
        ulong length = Await(RawMessageKind.Opened, timeout).Length;
        return length is > 0 and <= long.MaxValue ? length : throw new UffdException($"the store has {length} bytes, which no region can have");
    }

    /// <summary>Hands the memory over.</summary>
    /// <returns>The guardian's process id.</returns>
    public int Serve(RawMapping mapping, TimeSpan timeout)
    {
        var message = new RawMessage { Kind = RawMessageKind.Serve, Address = mapping.Range.Start, Length = mapping.Range.Length };
        try
        {
            _channel.Send(message, mapping.Userfaultfd.Handle, mapping.Memfd);
        }
        catch (UffdException exception)
        {
            throw Gone(exception);
        }

        return Await(RawMessageKind.Ready, timeout).ProcessId;
    }

    /// <summary>Begins to listen.</summary>
    public void Start(object region, Action<RawRegionTrouble, string> tell)
    {
        _region = region;
        _tell = tell;
        _thread = new Thread(Listen) { IsBackground = true, Name = "uffd-raw-region" };
        _thread.Start();
    }

    /// <summary>Ends a process whose region has not come to be.</summary>
    public void Abandon()
    {
        _child.End(TimeSpan.Zero);
        _child.Dispose();
    }

    /// <summary>Sends a request.</summary>
    /// <exception cref="IOException">The pager process has gone.</exception>
    public async Task<RawMessage> AskAsync(RawMessage request, CancellationToken cancellation)
    {
        long id = Interlocked.Increment(ref _lastId);
        var answer = new TaskCompletionSource<RawMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = answer;
        try
        {
            if (_gone is { } gone)
            {
                throw new IOException(gone);
            }

            _channel.Send(request with { Id = id });
            return await answer.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is UffdException or ObjectDisposedException)
        {
            throw new IOException($"the pager process {ProcessId} has gone: {exception.Message}", exception);
        }
        finally
        {
            _waiting.TryRemove(id, out _);
        }
    }

    /// <summary>Says goodbye, and ends the pager process.</summary>
    /// <returns>What was not saved and why, or null.</returns>
    public async Task<string?> EndAsync(bool discard, TimeSpan timeout)
    {
        string? error;
        _ending = true;
        try
        {
            using var limit = new CancellationTokenSource(timeout + TimeSpan.FromSeconds(2)); // the pager process has the same limit, and says more
            error = (await AskAsync(new RawMessage { Kind = RawMessageKind.End, Discard = discard }, limit.Token).ConfigureAwait(false)).Text;
        }
        catch (IOException exception)
        {
            error = _gone ?? exception.Message;
        }
        catch (OperationCanceledException)
        {
            error = $"the pager process {ProcessId} did not end within {timeout.TotalSeconds} s";
        }

        _channel.ShutDown();
        if (_thread != Thread.CurrentThread)
        {
            _thread!.Join();
        }

        _child.End(error is null ? TimeSpan.FromSeconds(5) : TimeSpan.FromSeconds(1));
        _child.Dispose();
        return error;
    }

    private void Send(RawMessage message)
    {
        try
        {
            _channel.Send(message);
        }
        catch (UffdException exception)
        {
            throw Gone(exception);
        }
    }

    private RawMessage Await(RawMessageKind kind, TimeSpan timeout)
    {
        RawMessage? message;
        try
        {
            message = _channel.Receive(timeout);
        }
        catch (TimeoutException exception)
        {
            throw new UffdException($"the pager process {ProcessId} did not answer within {timeout.TotalSeconds} s", exception);
        }
        catch (Exception exception) when (exception is UffdException or InvalidDataException)
        {
            throw Gone(exception);
        }

        return message is null ? throw Gone(inner: null)
            : message.Kind == RawMessageKind.Refused ? throw new UffdException($"the pager process refused: {message.Text}")
            : message.Kind == kind ? message
            : throw new UffdException($"the pager process sent {message.Kind} where {kind} belongs");
    }

    private UffdException Gone(Exception? inner)
    {
        _child.End(TimeSpan.FromSeconds(1));
        string text = $"the pager process has gone: {_child.DescribeEnd() ?? "it closed its connection"}";
        return inner is null ? new UffdException(text) : new UffdException($"{text} ({inner.Message})", inner);
    }

    private void Listen()
    {
        string reason = "it closed its connection";
        try
        {
            while (_channel.Receive())
            {
                while (_channel.TryTake(out RawMessage? message))
                {
                    Hear(message);
                }
            }
        }
        catch (Exception exception) when (exception is UffdException or InvalidDataException or ObjectDisposedException)
        {
            reason = exception.Message;
        }

        string text = $"the pager process {ProcessId} has gone: {reason}";
        _gone = text;
        foreach (TaskCompletionSource<RawMessage> waiting in _waiting.Values)
        {
            waiting.TrySetException(new IOException(text));
        }

        if (!_ending)
        {
            _tell(RawRegionTrouble.PagerGone, $"{text}; what was written since the last flush is in memory only");
        }

        GC.KeepAlive(_region);
    }

    private void Hear(RawMessage message)
    {
        if (message.Kind == RawMessageKind.Done)
        {
            if (_waiting.TryGetValue(message.Id, out TaskCompletionSource<RawMessage>? waiting))
            {
                waiting.TrySetResult(message);
            }

            return;
        }

        if (message.Kind != RawMessageKind.Notice)
        {
            throw new InvalidDataException($"it sent {message.Kind}");
        }

        string text = message.Text ?? "";
        switch (message.Notice)
        {
            case RawNoticeKind.WritesAgain:
                _unsaved = null;
                break;
            case RawNoticeKind.WriteFailed:
                _unsaved = text;
                _tell(RawRegionTrouble.Unsaved, text);
                break;
            default:
                _tell(message.Notice == RawNoticeKind.Unguarded ? RawRegionTrouble.Unguarded : RawRegionTrouble.PageLost, text);
                break;
        }
    }
}
