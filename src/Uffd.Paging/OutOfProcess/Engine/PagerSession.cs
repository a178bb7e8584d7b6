using System.Collections.Concurrent;

namespace Uffd.Paging;

/// <summary>
/// What a pager process does from its start to its end: opens the store, serves the memory, answers its client, and settles everything when
/// the client says goodbye, dies, or closes its connection.
/// </summary>
internal sealed class PagerSession : IDisposable
{
    private const ulong ClientToken = 1;
    private const ulong ClientExitToken = 2;
    private const ulong GuardianToken = 3;
    private const int MostNotices = 64;

    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly RawChannel _channel;
    private readonly Func<StoreDescription, IPageStore> _open;
    private readonly PagerProgram _program;
    private readonly BlockingCollection<RawMessage> _notices = new(MostNotices);
    private readonly EventPoller _poller = new();
    private readonly Lock _flushing = new();
    private GuardianLink? _guardian;
    private ProcessHandle? _client;
    private RawSettings? _settings;
    private bool _isServing;

    private PagerSession(RawChannel channel, Func<StoreDescription, IPageStore> open, PagerProgram program)
    {
        _channel = channel;
        _open = open;
        _program = program;
    }

    private enum Ending
    {
        Goodbye,
        ClientDied,
        ClientSilent,
    }

    /// <summary>Serves the client that listens on a socket.</summary>
    /// <param name="socketPath">The socket.</param>
    /// <param name="open">Opens the store.</param>
    /// <param name="program">This program, to start a guardian with.</param>
    /// <returns>The exit status.</returns>
    public static int Run(string socketPath, Func<StoreDescription, IPageStore> open, PagerProgram program)
    {
        using var channel = new RawChannel(FdChannel.Connect(socketPath));
        if (channel.GetPeer().UserId != PeerCredentials.OwnUserId)
        {
            throw new UffdException($"the other end of {socketPath} is another user's");
        }

        using var session = new PagerSession(channel, open, program);
        try
        {
            return session.Serve();
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            session.Refuse(exception);
            return 1;
        }
    }

    public void Dispose()
    {
        _notices.CompleteAdding(); // not disposed: its thread looks at it until the process ends
        _guardian?.Dispose();
        _client?.Dispose();
        _poller.Dispose();
    }

    private static RawMessage Expect(RawMessage? message, RawMessageKind kind)
        => message is null ? throw new InvalidDataException("the client closed the connection during the handshake")
            : message.Kind == kind ? message
            : throw new InvalidDataException($"the client sent {message.Kind} where {kind} belongs");

    private int Serve()
    {
        RawMessage open = Expect(_channel.Receive(HandshakeTimeout), RawMessageKind.Open);
        if (open.Version != RawMessage.ProtocolVersion)
        {
            throw new InvalidDataException($"the client speaks version {open.Version} of the protocol, and this pager program version {RawMessage.ProtocolVersion}");
        }

        StoreDescription description = open.Store ?? throw new InvalidDataException("no store is described");
        _settings = open.Settings ?? throw new InvalidDataException("no settings were sent");
        if ((description.FindFault() ?? _settings.FindFault()) is { } fault)
        {
            throw new InvalidDataException(fault);
        }

        _client = _channel.OpenPeerProcess() ?? throw new InvalidDataException("the client has gone");
        IPageStore store = _open(description);
        RawRegion region;
        try
        {
            region = Accept(store, _settings, _client);
        }
        catch
        {
            store.Dispose();
            throw;
        }

        return Serve(new RawPager(region));
    }

    /// <summary>Takes the client's memory.</summary>
    private RawRegion Accept(IPageStore store, RawSettings settings, ProcessHandle client)
    {
        if (store.Length == 0)
        {
            throw new IOException("the store is empty: a region needs at least one byte");
        }

        _channel.Send(new RawMessage { Kind = RawMessageKind.Opened, Length = store.Length });
        RawMessage serve = Expect(_channel.Receive(HandshakeTimeout), RawMessageKind.Serve);
        SafeDescriptorHandle[] descriptors = _channel.TakeDescriptors(2);
        try
        {
            ulong length = (store.Length + RawMemory.PageSize - 1) / RawMemory.PageSize * RawMemory.PageSize;
            var range = new AddressRange(serve.Address, serve.Length);
            if (range.Length != length || !range.IsAligned(RawMemory.PageSize) || Memfd.GetLength(descriptors[1]) != length)
            {
                throw new InvalidDataException("the memory is not as long as the store");
            }

            if (!Memfd.GetSeals(descriptors[1]).HasFlag(MemfdSeals.Shrink | MemfdSeals.Grow))
            {
                throw new InvalidDataException("the memory is not sealed against changes of its length");
            }

            Userfaultfd userfaultfd = Userfaultfd.FromDescriptor(descriptors[0]);
            var memory = new RawMemory(userfaultfd, descriptors[1], range);
            _guardian = new GuardianLink(_program, memory, client, settings.OnPagerDeath);
            _guardian.Start();
            return new RawRegion(store, memory, settings, client, Notify);
        }
        catch
        {
            Array.ForEach(descriptors, descriptor => descriptor.Dispose());
            throw;
        }
    }

    private int Serve(RawPager pager)
    {
        _isServing = true;
        new Thread(SendNotices) { IsBackground = true, Name = "uffd-raw-notice" }.Start();
        pager.Start();
        _channel.Send(new RawMessage { Kind = RawMessageKind.Ready, ProcessId = _guardian!.ProcessId });
        Ending ending = Listen(pager, out RawMessage? end);
        return End(pager, ending, end);
    }

    private Ending Listen(RawPager pager, out RawMessage? end)
    {
        _poller.Add(_channel.Handle, ClientToken);
        _poller.Add(_client!.Handle, ClientExitToken);
        _guardian!.Watch(_poller, GuardianToken);
        Span<PollResult> ready = stackalloc PollResult[4];
        end = null;
        while (true)
        {
            int count = _poller.Wait(ready, Look);
            bool told = false;
            for (int index = 0; index < count; index++)
            {
                told |= ready[index].Token == ClientToken;
            }

            bool open = true;
            try
            {
                open = !told || _channel.Receive();
                while (_channel.TryTake(out RawMessage? message))
                {
                    if (message.Kind == RawMessageKind.End)
                    {
                        end = message;
                        return Ending.Goodbye;
                    }

                    Answer(pager, message);
                }
            }
            catch (Exception exception) when (exception is InvalidDataException or UffdException)
            {
                Console.Error.WriteLine($"uffd-pager: the connection to process {_client.ProcessId} is given up: {exception.Message}");
                open = false;
            }

            if (_client.HasExited || (!open && HasGone()))
            {
                return Ending.ClientDied;
            }

            if (!open)
            {
                return Ending.ClientSilent;
            }

            _guardian.Renew(_poller, GuardianToken, Notify);
        }
    }

    /// <summary>A process that ends closes its descriptors before it is seen to have ended.</summary>
    private bool HasGone()
    {
        using var poller = new EventPoller();
        poller.Add(_client!.Handle, 1);
        return poller.Wait(stackalloc PollResult[1], Look) > 0;
    }

    private void Answer(RawPager pager, RawMessage message)
    {
        switch (message.Kind)
        {
            case RawMessageKind.Flush:
                // On a thread of its own: a store takes its time, and the client's end must be heard.
                new Thread(() => Reply(message.Id, Flush(pager), statistics: null)) { IsBackground = true, Name = "uffd-raw-flush" }.Start();
                break;
            case RawMessageKind.Count:
                Reply(message.Id, error: null, pager.GetStatistics());
                break;
            default:
                throw new InvalidDataException($"the client sent {message.Kind}");
        }
    }

    private string? Flush(RawPager pager)
    {
        lock (_flushing)
        {
            try
            {
                pager.Flush();
                return null;
            }
            catch (IOException exception)
            {
                return exception.Message;
            }
        }
    }

    private void Reply(long id, string? error, RawRegionStatistics? statistics)
    {
        try
        {
            _channel.Send(new RawMessage { Kind = RawMessageKind.Done, Id = id, Text = error, Statistics = statistics });
        }
        catch (Exception exception) when (exception is UffdException or ObjectDisposedException)
        {
            // The client has gone; the loop sees it.
        }
    }

    /// <summary>
    /// The end. Whoever may still touch the memory finds it served by the guardian, which has heard no goodbye: SIGBUS, and no page that nobody
    /// would save any more.
    /// </summary>
    private int End(RawPager pager, Ending ending, RawMessage? end)
    {
        using var timer = new Timer(_ => GiveUp(), state: null, _settings!.EndTimeout, Timeout.InfiniteTimeSpan);
        bool discard = end?.Discard ?? _settings.OnDispose == RegionDisposal.Discard;
        string? error = discard ? null : Flush(pager);
        bool stopped = pager.Stop();
        if (ending == Ending.ClientSilent)
        {
            error = discard ? null : Flush(pager) ?? error;
            pager.GiveBackAll();
        }
        else
        {
            _guardian!.SayGoodbye();
        }

        if (error is not null)
        {
            Console.Error.WriteLine($"uffd-pager: what process {_client!.ProcessId} had written is lost in part: {error}");
        }

        if (stopped)
        {
            pager.Dispose(); // the store with it: what it says on closing belongs before the answer
        }

        if (end is not null)
        {
            Reply(end.Id, error, statistics: null);
        }

        return error is null ? 0 : 1;
    }

    private void GiveUp()
    {
        Console.Error.WriteLine($"uffd-pager: the store did not take what process {_client!.ProcessId} had written within {_settings!.EndTimeout.TotalSeconds} s; it is lost in part");
        Environment.Exit(1);
    }

    private void Notify(RawNotice notice)
    {
        try
        {
            _notices.TryAdd(new RawMessage { Kind = RawMessageKind.Notice, Notice = notice.Kind, Text = notice.Text });
        }
        catch (InvalidOperationException)
        {
            // The end has begun.
        }
    }

    private void SendNotices()
    {
        try
        {
            foreach (RawMessage notice in _notices.GetConsumingEnumerable())
            {
                _channel.Send(notice);
            }
        }
        catch (Exception exception) when (exception is UffdException or ObjectDisposedException)
        {
            // The client has gone; the loop sees it.
        }
    }

    private void Refuse(Exception exception)
    {
        if (!_isServing)
        {
            _guardian?.SayGoodbye(); // nothing was served: the client drops its memory
        }

        try
        {
            _channel.Send(new RawMessage { Kind = RawMessageKind.Refused, Text = exception.Message.ReplaceLineEndings(" ") });
        }
        catch (UffdException)
        {
            Console.Error.WriteLine($"uffd-pager: {exception.Message}");
        }
    }
}
