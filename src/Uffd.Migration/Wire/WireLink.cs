using System.Diagnostics;
using System.Globalization;

namespace Uffd.Migration;

/// <summary>
/// A link at work: a thread reads each of its streams; one watches that none of them stalls. When anything is wrong with one stream the whole link is broken, once and for all.
/// </summary>
internal sealed class WireLink : IDisposable
{
    private static readonly TimeSpan JoinTimeout = TimeSpan.FromSeconds(30);

    private readonly MigrationLink _link;
    private readonly IFrameHandler _handler;
    private readonly TimeSpan _stall;
    private readonly FrameReader[] _readers;
    private readonly FrameWriter[] _writers;
    private readonly Thread[] _threads;
    private readonly ManualResetEventSlim _broken = new();
    private Exception? _reason;

    public WireLink(MigrationLink link, TimeSpan stall, IFrameHandler handler)
    {
        _link = link;
        _handler = handler;
        _stall = stall;
        _readers = [.. link.Streams.Select(stream => new FrameReader(stream))];
        _writers = [.. link.Streams.Select(stream => new FrameWriter(stream))];
        _threads = [.. Enumerable.Range(0, _readers.Length).Select(index => new Thread(() => Read(index)) { IsBackground = true, Name = $"uffd-link-{index}" }),
            new Thread(Watch) { IsBackground = true, Name = "uffd-link-watch" },
            new Thread(Ping) { IsBackground = true, Name = "uffd-link-ping" }];
    }

    public Guid Session => _link.Session;

    /// <summary>For messages, and for pages that are waited for.</summary>
    public FrameWriter Control => _writers[0];

    /// <summary>For all other pages.</summary>
    public ReadOnlySpan<FrameWriter> Bulk => _writers.Length > 1 ? _writers.AsSpan(1) : _writers;

    /// <summary>The number of the stream that <see cref="Bulk"/> begins with.</summary>
    public int FirstBulk => _writers.Length > 1 ? 1 : 0;

    /// <summary>Why it is broken, or null.</summary>
    public Exception? Reason => Volatile.Read(ref _reason);

    public bool IsBroken => Reason is not null;

    /// <summary>Whether the other side has ever said something that is a frame.</summary>
    public bool HasSpoken => _readers[0].HasFrame;

    /// <summary>Bytes that went over it, both ways.</summary>
    public ulong WireBytes => (ulong)(_readers.Sum(reader => reader.Bytes) + _writers.Sum(writer => writer.Bytes));

    public void Start() => Array.ForEach(_threads, thread => thread.Start());

    /// <summary>Gives it up. Whoever reads or writes it fails.</summary>
    public void Break(Exception reason)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is not null)
        {
            return;
        }

        _link.Dispose();
        _broken.Set();
        _handler.Broke(this, reason);
    }

    /// <summary>Waits until none of its threads handles anything any more; not from one of them.</summary>
    public void Join()
    {
        foreach (Thread thread in _threads)
        {
            if (thread != Thread.CurrentThread && thread.IsAlive && !thread.Join(JoinTimeout))
            {
                throw new MigrationException("a connection that broke is still being handled: what takes pages in does not come back");
            }
        }
    }

    public void Dispose()
    {
        Break(new ObjectDisposedException(nameof(MigrationLink), "the migration has ended"));
        Join();
        _broken.Dispose();
    }

    private void Read(int stream)
    {
        FrameReader reader = _readers[stream];
        try
        {
            while (!IsBroken)
            {
                FrameHeader header = reader.ReadHead(out ReadOnlySpan<byte> head);
                if (header.Type == FrameType.Ping)
                {
                    reader.Skip(header.DataBytes);
                }
                else
                {
                    _handler.Handle(this, stream, header, head, reader);
                }
            }
        }
        catch (Exception exception) // whatever a stream or a landing throws, the link is over
        {
            Break(exception);
        }
    }

    /// <summary>Sees to it that no stream stalls, in either direction.</summary>
    private void Watch()
    {
        while (!_broken.Wait(TimeSpan.FromTicks(_stall.Ticks / 4)))
        {
            if (_readers.Any(reader => IsLate(reader.WaitingSince)) || _writers.Any(writer => IsLate(writer.WritingSince)))
            {
                Break(new LinkException(string.Create(CultureInfo.InvariantCulture, $"nothing went over the connection for {_stall.TotalSeconds:0.##} s")));
            }
        }
    }

    /// <summary>Says something on each stream that is quiet. A thread of its own, because a write may stall.</summary>
    private void Ping()
    {
        var said = new long[_writers.Length];
        try
        {
            while (!_broken.Wait(TimeSpan.FromTicks(_stall.Ticks / 4)))
            {
                for (int stream = 0; stream < _writers.Length; stream++)
                {
                    if (_writers[stream].WritingSince == 0 && _writers[stream].Bytes == said[stream])
                    {
                        _writers[stream].Write(FrameType.Ping, []);
                    }

                    said[stream] = _writers[stream].Bytes;
                }
            }
        }
        catch (LinkException exception)
        {
            Break(exception);
        }
    }

    private bool IsLate(long since) => since != 0 && Stopwatch.GetElapsedTime(since) > _stall;
}
