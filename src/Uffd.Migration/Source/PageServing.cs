using System.Globalization;

namespace Uffd.Migration;

/// <summary>
/// Answers what the destination asks for after the switch: what is waited for at once, on the thread that reads the request; the rest in order, on a thread for each connection with pages.
/// </summary>
internal sealed class PageServing : IDisposable
{
    private const int MostWaiting = 1 << 16;

    private readonly SourceRegions _regions;
    private readonly MigrationSourceOptions _options;
    private readonly Tally _tally;
    private readonly Action<MigrationEventKind, string> _tell;
    private readonly PageSender _urgent;
    private readonly Pacing _pacing;
    private readonly object _gate = new();
    private readonly Queue<WantMessage> _waiting = new();
    private readonly List<Thread> _threads = [];
    private WireLink? _link;
    private WireLink? _serving; // has threads
    private bool _mayCompress;
    private long _served;

    public PageServing(SourceRegions regions, MigrationSourceOptions options, Tally tally, Action<MigrationEventKind, string> tell)
    {
        (_regions, _options, _tally, _tell) = (regions, options, tally, tell);
        _urgent = new PageSender(MigrationCompression.Never);
        _pacing = new Pacing(options.BytesPerSecond);
    }

    /// <summary>Bytes that were asked for and sent.</summary>
    public long ServedBytes => Volatile.Read(ref _served);

    /// <summary>Serves over a link from now on. What was asked over another is forgotten: it is asked again.</summary>
    public void Begin(WireLink link, bool mayCompress)
    {
        Forget(null);
        lock (_gate)
        {
            _link = link;
            _mayCompress = mayCompress;
        }
    }

    /// <summary>Ends serving over a link; null for any.</summary>
    public void Forget(WireLink? link)
    {
        lock (_gate)
        {
            if (link is null || link == _link)
            {
                _link = null;
                _waiting.Clear();
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>Called by the thread that reads the control stream.</summary>
    public void Take(WireLink link, WantMessage want)
    {
        if (want.IsAwaited)
        {
            _tally.Faulted();
            Answer(_urgent, link.Control, want);
            return;
        }

        lock (_gate)
        {
            if (link != _link)
            {
                return;
            }

            if (_waiting.Count == MostWaiting)
            {
                throw WireException.Violation($"more than {MostWaiting} requests are waiting");
            }

            _waiting.Enqueue(want);
            StartThreads(link);
            Monitor.Pulse(_gate);
        }
    }

    public void Dispose()
    {
        Forget(null);
        foreach (Thread thread in _threads.ToArray())
        {
            thread.Join();
        }

        _urgent.Dispose();
    }

    private void StartThreads(WireLink link)
    {
        _threads.RemoveAll(thread => !thread.IsAlive);
        if (_serving != link)
        {
            _serving = link;
            for (int index = 0; index < link.Bulk.Length; index++)
            {
                int stream = index;
                var thread = new Thread(() => Serve(link, stream)) { IsBackground = true, Name = $"uffd-serve-{stream}" };
                _threads.Add(thread);
                thread.Start();
            }
        }
    }

    private void Serve(WireLink link, int stream)
    {
        using var sender = new PageSender(_options.Compression) { MayCompress = _mayCompress };
        try
        {
            while (TryTake(link, out WantMessage want))
            {
                _pacing.Wait(want.Pages * WirePage.Bytes);
                Answer(sender, link.Bulk[stream], want);
            }
        }
        catch (Exception exception) // a source may throw anything: its page is asked for again over another link
        {
            link.Break(exception);
        }
    }

    private bool TryTake(WireLink link, out WantMessage want)
    {
        lock (_gate)
        {
            while (_link == link)
            {
                if (_waiting.TryDequeue(out want))
                {
                    return true;
                }

                Monitor.Wait(_gate);
            }
        }

        want = default;
        return false;
    }

    private void Answer(PageSender sender, FrameWriter to, WantMessage want)
    {
        sender.Send(to, want.Request, _regions.All[want.Region], want.FirstPage, want.Pages, want.IsAwaited);
        _tally.Moved((long)want.Pages * WirePage.Bytes);
        Interlocked.Add(ref _served, (long)want.Pages * WirePage.Bytes);
        if (sender.LostPages > 0)
        {
            NoteLost(sender, want);
        }
    }

    private void NoteLost(PageSender sender, WantMessage want)
    {
        SourceRegion region = _regions.All[want.Region];
        ulong added = 0;
        lock (_gate)
        {
            for (int page = 0; page < want.Pages; page++)
            {
                added += sender.Kinds[page] == PageKind.Poisoned ? region.Unreadable.Add(want.FirstPage + (ulong)page, 1) : 0;
            }
        }

        if (added > 0)
        {
            _tally.Poisoned((long)added);
            _tell(MigrationEventKind.Poisoned, string.Create(CultureInfo.InvariantCulture, $"{region.Name}: {added} pages from {want.FirstPage * WirePage.Bytes:x} on cannot be read"));
        }
    }
}
