namespace Uffd.Migration.Tests.Support;

/// <summary>A side of a migration that says what it is told to: the frames of it are whole, what they say is not.</summary>
internal sealed class WirePeer : IDisposable
{
    private readonly DuplexPipe[] _streams;
    private readonly uint[] _sequences;
    private readonly FrameReader[] _readers;

    public WirePeer(int streams = 1, int capacity = 1 << 20)
    {
        (DuplexPipe Mine, DuplexPipe Others)[] pipes = [.. Enumerable.Range(0, streams).Select(_ => DuplexPipe.Create(capacity))];
        _streams = [.. pipes.Select(static pipe => pipe.Mine)];
        _sequences = new uint[streams];
        _readers = [.. _streams.Select(static stream => new FrameReader(stream))];
        Link = new MigrationLink(Session, [.. pipes.Select(static pipe => pipe.Others)]);
    }

    public Guid Session { get; } = Guid.NewGuid();

    /// <summary>The other side's.</summary>
    public MigrationLink Link { get; }

    /// <summary>Completes when the other side has closed the control stream, or this one did.</summary>
    public Task Closed => Task.WhenAny(_streams[0].Closed, ((DuplexPipe)Link.Streams[0]).Closed);

    public void Send(WireFrame frame, int stream = 0) => SendRaw(frame.ToBytes(_sequences[stream]++), stream);

    public void Send(FrameType type, Action<HeadWriter> write, int stream = 0) => Send(WireFrame.Of(type, write), stream);

    public void SendRaw(ReadOnlySpan<byte> bytes, int stream = 0)
    {
        try
        {
            _streams[stream].Write(bytes);
        }
        catch (IOException)
        {
            // the other side has had enough: whoever checks finds out
        }
        catch (ObjectDisposedException)
        {
            // it has ended meanwhile
        }
    }

    /// <summary>What the other side says next, if it is still there.</summary>
    public WireFrame? Receive(int stream = 0)
    {
        try
        {
            while (true)
            {
                FrameHeader header = _readers[stream].ReadHead(out ReadOnlySpan<byte> head);
                byte[] data = new byte[header.DataBytes];
                byte[] copy = head.ToArray();
                _readers[stream].ReadData(data);
                if (header.Type != FrameType.Ping)
                {
                    return new WireFrame((byte)header.Type, copy, data);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>Waits for a frame of a type.</summary>
    public WireFrame? ReceiveUntil(FrameType type)
    {
        WireFrame? frame;
        do
        {
            frame = Receive();
        }
        while (frame is not null && frame.Type != (byte)type);

        return frame;
    }

    /// <summary>Says that it is there, and nothing else, until it is closed.</summary>
    public void PingForEver()
    {
        while (!Closed.IsCompleted)
        {
            for (int stream = 0; stream < _streams.Length; stream++)
            {
                Send(new WireFrame(FrameType.Ping), stream);
            }

            Thread.Sleep(20);
        }
    }

    public void Dispose() => Array.ForEach(_streams, static stream => stream.Dispose());
}
