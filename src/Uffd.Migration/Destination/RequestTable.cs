namespace Uffd.Migration;

/// <summary>
/// What was asked for and has not come. What a thread waits for is sent by who asks, at once; the rest by a thread of its own, several in one go. On another link everything is asked for again.
/// </summary>
internal sealed class RequestTable : IDisposable
{
    private readonly object _gate = new();
    private readonly Dictionary<ulong, PageRequest> _open = [];
    private readonly Queue<PageRequest> _unsent = new();
    private readonly Thread _sender;
    private readonly HeadWriter _urgentWriter = new();
    private WireLink? _link;
    private Exception? _lost;
    private ulong _last;
    private bool _ended;

    [ThreadStatic]
    private static bool t_reads; // a link: such a thread must not wait for one to take something

    public RequestTable()
    {
        _sender = new Thread(Send) { IsBackground = true, Name = "uffd-want" };
        _sender.Start();
    }

    /// <summary>Marks the calling thread as one that reads a link.</summary>
    public static void MarkReader() => t_reads = true;

    /// <summary>Asks for pages.</summary>
    /// <returns>Ends when they are in the destination, or cannot be had.</returns>
    public Task Ask(WantMessage want, Memory<byte> destination, bool endsHere, CancellationToken cancellation)
    {
        PageRequest request;
        WireLink? link = null;
        lock (_gate)
        {
            if (_lost is not null)
            {
                return Task.FromException(_lost);
            }

            request = new PageRequest(want with { Request = ++_last }, destination, endsHere);
            _open.Add(request.Want.Request, request);
            if (want.IsAwaited && !t_reads)
            {
                link = _link;
            }
            else
            {
                _unsent.Enqueue(request);
                Monitor.Pulse(_gate);
            }
        }

        if (cancellation.CanBeCanceled)
        {
            request.Registration = cancellation.UnsafeRegister(_ => GiveUp(request, cancellation), null);
        }

        if (link is not null)
        {
            SendNow(link, request.Want);
        }

        return request.Task;
    }

    /// <summary>Somebody has come to wait for a page that was asked for with others behind it: it is asked for once more, ahead of all. What comes second is dropped.</summary>
    public void Expedite(int region, ulong page)
    {
        WireLink? link;
        WantMessage want;
        lock (_gate)
        {
            link = _link;
            want = _open.Values.FirstOrDefault(request => request.Want.Region == region && request.Want.FirstPage <= page && page < request.Want.FirstPage + (ulong)request.Want.Pages)?.Want ?? default;
        }

        if (link is not null && want.Pages > 0 && !want.IsAwaited && !t_reads)
        {
            SendNow(link, want with { IsAwaited = true });
        }
    }

    /// <summary>Finds what came, and has it received; null when nobody wants it any more.</summary>
    public PageRequest? Take(ulong request)
    {
        lock (_gate)
        {
            return _open.TryGetValue(request, out PageRequest? found) && found.TryReceive() ? found : null;
        }
    }

    /// <summary>What was taken is over.</summary>
    public void Complete(PageRequest request, Exception? failure)
    {
        lock (_gate)
        {
            _open.Remove(request.Want.Request);
        }

        request.Complete(failure);
    }

    /// <summary>What was taken did not come whole.</summary>
    public void AskAgain(PageRequest request)
    {
        lock (_gate)
        {
            request.AskAgain();
        }

        if (Volatile.Read(ref _lost) is { } lost && request.TryGiveUp(lost, default))
        {
            Forget(request);
        }
    }

    /// <summary>Asks over a link from now on, also for what was asked for before.</summary>
    public void Use(WireLink link)
    {
        lock (_gate)
        {
            _link = link;
            _unsent.Clear();
            foreach (PageRequest request in _open.Values.OrderBy(request => !request.Want.IsAwaited))
            {
                _unsent.Enqueue(request);
            }

            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Asks no longer over a link that is broken. It may be told late, when there is another.</summary>
    public void Drop(WireLink link)
    {
        lock (_gate)
        {
            if (_link == link)
            {
                _link = null;
                _unsent.Clear();
            }
        }
    }

    /// <summary>Nothing comes any more: all that is open fails, and all that is asked from now on.</summary>
    public void Lose(Exception lost)
    {
        PageRequest[] open;
        lock (_gate)
        {
            _lost ??= lost;
            open = [.. _open.Values];
        }

        foreach (PageRequest request in open)
        {
            if (request.TryGiveUp(lost, default))
            {
                Forget(request);
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _ended = true;
            Monitor.PulseAll(_gate);
        }

        if (Thread.CurrentThread != _sender)
        {
            _sender.Join();
        }
    }

    private void GiveUp(PageRequest request, CancellationToken cancellation)
    {
        if (request.TryGiveUp(null, cancellation))
        {
            Forget(request);
        }
    }

    private void Forget(PageRequest request)
    {
        lock (_gate)
        {
            _open.Remove(request.Want.Request);
        }
    }

    private void SendNow(WireLink link, WantMessage want)
    {
        try
        {
            lock (_urgentWriter)
            {
                want.Write(_urgentWriter);
                link.Control.Write(FrameType.Want, _urgentWriter.Written);
            }
        }
        catch (LinkException exception)
        {
            link.Break(exception); // it is asked for again over the next
        }
    }

    private void Send()
    {
        var writer = new HeadWriter();
        while (TryTakeUnsent(out WireLink? link, out PageRequest? request))
        {
            try
            {
                request!.Want.Write(writer);
                link!.Control.Write(FrameType.Want, writer.Written);
            }
            catch (LinkException exception)
            {
                link!.Break(exception);
            }
        }
    }

    private bool TryTakeUnsent(out WireLink? link, out PageRequest? request)
    {
        lock (_gate)
        {
            while (true)
            {
                if (_ended)
                {
                    (link, request) = (null, null);
                    return false;
                }

                link = _link;
                if (link is { IsBroken: false } && _unsent.TryDequeue(out request))
                {
                    return true;
                }

                Monitor.Wait(_gate);
            }
        }
    }
}
