using Uffd.Paging;

namespace Uffd.Migration.Tests.Support;

/// <summary>A frame, whole.</summary>
/// <param name="Type">What it says it is.</param>
/// <param name="Head">What it says.</param>
/// <param name="Data">Content of pages.</param>
internal sealed record WireFrame(byte Type, byte[] Head, byte[] Data)
{
    public WireFrame(FrameType type, params byte[] head)
        : this((byte)type, head, [])
    {
    }

    public static WireFrame Of(FrameType type, Action<HeadWriter> write)
    {
        var writer = new HeadWriter();
        write(writer);
        return new WireFrame(type, writer.Written.ToArray());
    }

    /// <summary>As it goes over a stream, with good checksums.</summary>
    public byte[] ToBytes(uint sequence)
    {
        byte[] bytes = new byte[FrameHeader.Bytes + Head.Length + Data.Length];
        new FrameHeader((FrameType)Type, Head.Length, Data.Length, sequence, Crc32C.Of(Head)).Write(bytes);
        Head.CopyTo(bytes, FrameHeader.Bytes);
        Data.CopyTo(bytes, FrameHeader.Bytes + Head.Length);
        return bytes;
    }

    /// <summary>Takes a stream's bytes apart.</summary>
    public static List<WireFrame> Parse(byte[] bytes)
    {
        var frames = new List<WireFrame>();
        for (int at = 0; at + FrameHeader.Bytes <= bytes.Length;)
        {
            FrameHeader header = FrameHeader.Read(bytes.AsSpan(at, FrameHeader.Bytes), (uint)frames.Count);
            at += FrameHeader.Bytes;
            frames.Add(new WireFrame((byte)header.Type, bytes[at..(at + header.HeadBytes)], bytes[(at + header.HeadBytes)..(at + header.HeadBytes + header.DataBytes)]));
            at += header.HeadBytes + header.DataBytes;
        }

        return frames;
    }
}

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
