namespace Uffd.Paging;

/// <summary>
/// What a guardian process does: holds a copy of the userfaultfd, and waits. When the pager process ends without a goodbye, nobody brings or
/// saves pages any more: every touch of a missing page, and every write to one that was protected, gets SIGBUS then, as it comes. Pages
/// that were written before, and not saved, stay as they are.
/// </summary>
internal sealed class Guardian : IDisposable
{
    private const ulong FaultToken = 1;
    private const ulong PagerToken = 2;
    private const ulong PagerExitToken = 3;
    private const ulong ClientExitToken = 4;

    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    private readonly RawChannel _channel;
    private readonly RawMemory _memory;
    private readonly ProcessHandle _client;
    private readonly ProcessHandle _pager;
    private readonly RawMessage _order;
    private readonly EventPoller _poller = new();
    private bool _isOpen;

    private Guardian(RawChannel channel, RawMemory memory, ProcessHandle client, ProcessHandle pager, RawMessage order)
    {
        _channel = channel;
        _memory = memory;
        _client = client;
        _pager = pager;
        _order = order;
    }

    /// <summary>Guards for the pager process that listens on a socket.</summary>
    /// <returns>The exit status.</returns>
    public static int Run(string socketPath)
    {
        using var channel = new RawChannel(FdChannel.Connect(socketPath));
        using ProcessHandle pager = channel.OpenPeerProcess() ?? throw new UffdException("the pager has gone");
        if (channel.GetPeer().UserId != PeerCredentials.OwnUserId)
        {
            throw new UffdException($"the other end of {socketPath} is another user's");
        }

        RawMessage? order = channel.Receive(HandshakeTimeout);
        if (order is not { Kind: RawMessageKind.Guard, Version: RawMessage.ProtocolVersion })
        {
            throw new InvalidDataException($"the pager sent {order?.Kind.ToString() ?? "nothing"} where {RawMessageKind.Guard} belongs");
        }

        SafeDescriptorHandle[] descriptors = channel.TakeDescriptors(3);
        var memory = new RawMemory(Userfaultfd.FromDescriptor(descriptors[0]), descriptors[1], new AddressRange(order.Address, order.Length));
        using var guardian = new Guardian(channel, memory, ProcessHandle.FromDescriptor(descriptors[2], order.ProcessId), pager, order);
        guardian.SayReady();
        if (guardian.WaitForDeath())
        {
            guardian.Settle();
        }

        return 0;
    }

    public void Dispose()
    {
        _poller.Dispose();
        _client.Dispose();
        _memory.Dispose();
    }

    private void SayReady()
    {
        try
        {
            _channel.Send(new RawMessage { Kind = RawMessageKind.Ready });
        }
        catch (UffdException)
        {
            // It has died meanwhile, which is what we are for.
        }
    }

    /// <returns>True when the pager has died; false when all is settled, or the client has ended.</returns>
    private bool WaitForDeath()
    {
        _poller.Add(_channel.Handle, PagerToken);
        _poller.Add(_pager.Handle, PagerExitToken);
        _poller.Add(_client.Handle, ClientExitToken);
        _isOpen = true;
        Span<PollResult> ready = stackalloc PollResult[4];
        while (true)
        {
            int count = _poller.Wait(ready, Timeout.InfiniteTimeSpan);
            bool told = false;
            bool died = false;
            for (int index = 0; index < count; index++)
            {
                told |= ready[index].Token == PagerToken;
                died |= ready[index].Token == PagerExitToken;
            }

            if (_isOpen && (told || died) && HearsGoodbye(died))
            {
                return false;
            }

            if (_client.HasExited)
            {
                return false;
            }

            if (died)
            {
                return true;
            }
        }
    }

    /// <summary>What the pager said before it ended is heard first.</summary>
    private bool HearsGoodbye(bool toTheEnd)
    {
        try
        {
            do
            {
                _isOpen = _channel.Receive();
                while (_channel.TryTake(out RawMessage? message))
                {
                    if (message.Kind == RawMessageKind.End)
                    {
                        return true;
                    }
                }
            }
            while (toTheEnd && _isOpen);
        }
        catch (Exception exception) when (exception is UffdException or InvalidDataException)
        {
            _isOpen = false;
        }

        if (!_isOpen)
        {
            _poller.Remove(_channel.Handle); // it says nothing any more; its end is still to come
        }

        return false;
    }

    private void Settle()
    {
        if (_order.OnPagerDeath == FaultFailurePolicy.Terminate)
        {
            Console.Error.WriteLine($"uffd-pager: the pager process {_pager.ProcessId} has died; process {_order.ProcessId} is killed");
            _client.Kill();
            return;
        }

        Console.Error.WriteLine(
            $"uffd-pager: the pager process {_pager.ProcessId} of process {_order.ProcessId} has died: touches of its memory that cannot be served are SIGBUS from now on");
        using var reader = new UffdEventReader(_memory.Userfaultfd);
        _poller.Remove(_pager.Handle);
        _poller.Add(_memory.Userfaultfd.Handle, FaultToken);
        _memory.Wake(0, _memory.Pages); // whoever was told to the pager waits without being told again: it looks anew
        Span<PollResult> ready = stackalloc PollResult[4];
        while (!_client.HasExited && _memory.Userfaultfd.IsTargetAlive())
        {
            while (reader.Read() is > 0 and int count)
            {
                for (int index = 0; index < count; index++)
                {
                    if (reader[index].Kind == UffdEventKind.PageFault && _memory.TryFind(reader[index].PageFault.Address, out long page))
                    {
                        Lose(page, reader[index].PageFault.Kind);
                    }
                }
            }

            _poller.Wait(ready, Look);
        }
    }

    private void Lose(long page, PageFaultKind kind)
    {
        if (kind == PageFaultKind.WriteProtect)
        {
            _memory.Punch(page, 1); // as in the store, or half saved: a write to it would be lost without a word
        }
        else if (_memory.HasPage(page))
        {
            _memory.Wake(page, 1); // it came before the end
            return;
        }

        _memory.Poison(page); // wakes in any case
    }
}
