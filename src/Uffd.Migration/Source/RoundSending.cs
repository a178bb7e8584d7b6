using System.Globalization;

namespace Uffd.Migration;

/// <summary>
/// Sends what is pending, over all connections with pages. A page goes always over the same one of a link (by the 2 MiB it lies in), so that what is sent later arrives later.
/// </summary>
internal sealed class RoundSending : IDisposable
{
    private const ulong ChunkPages = 512;
    private const ulong ThreadsFrom = 8 << 20; // bytes: less is sent sooner than threads are started
    private const ulong SliceBytes = 1UL << 30; // acknowledged at least so often, so that a break costs no more

    private readonly SourceSession _session;
    private readonly Tally _tally;
    private readonly PageSender?[] _senders = new PageSender?[MigrationLink.MaxStreams];
    private readonly MigrationCompression _compression;
    private readonly Pacing _pacing;
    private readonly Action<MigrationEventKind, string> _tell;
    private long _budget;

    public RoundSending(SourceSession session, MigrationSourceOptions options, Tally tally, Action<MigrationEventKind, string> tell)
    {
        (_session, _tally, _tell) = (session, tally, tell);
        _compression = options.Compression;
        _pacing = new Pacing(options.BytesPerSecond);
    }

    /// <summary>Sends everything that is pending, and returns when it has arrived.</summary>
    /// <exception cref="LinkException">The link broke: what may be lost is pending again when there is another one.</exception>
    public void Send(WireLink link, CancellationToken cancellation)
    {
        while (_session.Regions.PendingBytes is > 0 and ulong pending)
        {
            Volatile.Write(ref _budget, (long)SliceBytes);
            int streams = link.Bulk.Length;
            if (streams == 1 || pending < ThreadsFrom)
            {
                for (int stream = 0; stream < streams; stream++)
                {
                    SendShare(link, stream, cancellation);
                }
            }
            else
            {
                SendByThreads(link, streams, cancellation);
            }

            _session.Flush(link, cancellation);
            _session.Regions.Acknowledge();
        }
    }

    public void Dispose() => Array.ForEach(_senders, sender => sender?.Dispose());

    private void SendByThreads(WireLink link, int streams, CancellationToken cancellation)
    {
        var failures = new Exception?[streams];
        Thread[] threads = [.. Enumerable.Range(0, streams).Select(stream => new Thread(() =>
        {
            try
            {
                SendShare(link, stream, cancellation);
            }
            catch (Exception exception)
            {
                failures[stream] = exception;
                Volatile.Write(ref _budget, 0); // the others need not go on
            }
        }) { IsBackground = true, Name = $"uffd-send-{stream}" })];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        if (failures.FirstOrDefault(failure => failure is not null) is { } first)
        {
            throw first is LinkException ? new LinkException(first.Message, first)
                : first is OperationCanceledException ? new OperationCanceledException(first.Message, first, cancellation)
                : new MigrationException(first.Message, first);
        }
    }

    private void SendShare(WireLink link, int stream, CancellationToken cancellation)
    {
        PageSender sender = _senders[stream] ??= new PageSender(_compression);
        sender.MayCompress = _session.MayCompress;
        ulong streams = (ulong)link.Bulk.Length;
        foreach (SourceRegion region in _session.Regions.All)
        {
            ulong chunks = (region.PageCount + ChunkPages - 1) / ChunkPages;
            for (ulong chunk = ((ulong)stream + streams - ((ulong)region.Index % streams)) % streams; chunk < chunks; chunk += streams)
            {
                ulong end = Math.Min(region.PageCount, (chunk + 1) * ChunkPages);
                for (ulong page = chunk * ChunkPages; region.Pending.TryFindRun(page, end, PagesHead.MaxPages, out ulong first, out ulong count); page = first + count)
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (Interlocked.Add(ref _budget, -(long)(count * WirePage.Bytes)) < 0)
                    {
                        return;
                    }

                    Send(sender, link.Bulk[stream], region, first, count);
                }
            }
        }
    }

    private void Send(PageSender sender, FrameWriter to, SourceRegion region, ulong first, ulong count)
    {
        _pacing.Wait((long)count * WirePage.Bytes);

        // Before they are read: what is written from now on is told, and makes them pending again.
        region.Pending.Remove(first, count);
        region.Unacknowledged.Add(first, count);
        sender.Send(to, 0, region, first, (int)count, isAwaited: false);
        _tally.Moved((long)count * WirePage.Bytes);
        if (sender.LostPages > 0)
        {
            NoteLost(sender, region, first);
        }
    }

    private void NoteLost(PageSender sender, SourceRegion region, ulong first)
    {
        ulong added = 0;
        for (int page = 0; page < sender.Kinds.Length; page++)
        {
            added += sender.Kinds[page] == PageKind.Poisoned ? region.Unreadable.Add(first + (ulong)page, 1) : 0;
        }

        _tell(MigrationEventKind.Poisoned, string.Create(CultureInfo.InvariantCulture, $"{region.Name}: {added} pages from {first * WirePage.Bytes:x} on cannot be read"));
    }
}
