namespace Uffd.Paging;

/// <summary>The pager process's hold of its guardian: a second process that settles the memory should this one die.</summary>
internal sealed class GuardianLink(PagerProgram program, RawMemory memory, ProcessHandle client, FaultFailurePolicy policy) : IDisposable
{
    private const int MostStarts = 10;

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);

    private PagerChild? _child;
    private bool _gone; // seen on the connection, which is not polled any more
    private int _starts;

    public int ProcessId => _child?.ProcessId ?? 0;

    /// <summary>Starts one and waits until it guards.</summary>
    /// <exception cref="UffdException">It cannot be started.</exception>
    public void Start()
    {
        _starts++;
        PagerChild child = PagerChild.Start(program, PagerVerbs.Guard, StartTimeout);
        try
        {
            var message = new RawMessage
            {
                Kind = RawMessageKind.Guard,
                Version = RawMessage.ProtocolVersion,
                Address = memory.Range.Start,
                Length = memory.Range.Length,
                OnPagerDeath = policy,
                ProcessId = client.ProcessId,
            };
            child.Channel.Send(message, memory.Userfaultfd.Handle, memory.Memfd, client.Handle);
            RawMessage? answer = child.Channel.Receive(StartTimeout);
            if (answer?.Kind != RawMessageKind.Ready)
            {
                throw new UffdException($"the guardian refused: {answer?.Text ?? "it has gone"}");
            }
        }
        catch (Exception exception)
        {
            child.End(TimeSpan.Zero);
            child.Dispose();
            throw exception as UffdException ?? new UffdException($"the guardian did not start: {exception.Message}", exception);
        }

        _child = child;
        _gone = false;
    }

    public void Watch(EventPoller poller, ulong token) => poller.Add(_child!.Channel.Handle, token);

    /// <summary>Starts another where the guardian has died.</summary>
    public void Renew(EventPoller poller, ulong token, Action<RawNotice> notify)
    {
        if (_child is { } child)
        {
            if (child.DescribeEnd() is null)
            {
                return;
            }

            poller.Remove(child.Channel.Handle);
            child.Dispose();
            _child = null;
        }

        if (_gone)
        {
            return;
        }

        try
        {
            Start();
            Watch(poller, token);
        }
        catch (UffdException exception)
        {
            _gone = _starts >= MostStarts; // tried again at the next look until then
            notify(new RawNotice(RawNoticeKind.Unguarded, $"the guardian died and no other could be started: {exception.Message}"));
        }
    }

    /// <summary>All is settled: the guardian ends.</summary>
    public void SayGoodbye()
    {
        try
        {
            _child?.Channel.Send(new RawMessage { Kind = RawMessageKind.End });
        }
        catch (UffdException)
        {
            // It has gone already.
        }
    }

    /// <summary>The guardian is not ended: it sees our end, or has heard our goodbye.</summary>
    public void Dispose() => _child?.Dispose();
}
