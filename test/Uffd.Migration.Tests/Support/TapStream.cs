namespace Uffd.Migration.Tests.Support;

/// <summary>A connection that is listened in on: what went in which order.</summary>
internal sealed class Tap
{
    private readonly List<(bool IsWritten, byte[] Bytes)> _pieces = [];

    public void Add(bool isWritten, ReadOnlySpan<byte> bytes)
    {
        lock (_pieces)
        {
            _pieces.Add((isWritten, bytes.ToArray()));
        }
    }

    /// <summary>The frames in both directions, in the order in which their last bytes went, without those that only say that somebody is there.</summary>
    public List<(bool IsWritten, WireFrame Frame)> Frames()
    {
        var frames = new List<(bool, WireFrame)>();
        var seen = new Dictionary<bool, (List<byte> Bytes, int Frames)> { [false] = ([], 0), [true] = ([], 0) };
        lock (_pieces)
        {
            foreach ((bool isWritten, byte[] bytes) in _pieces)
            {
                seen[isWritten].Bytes.AddRange(bytes);
                List<WireFrame> whole = WireFrame.Parse([.. seen[isWritten].Bytes]);
                frames.AddRange(whole.Skip(seen[isWritten].Frames).Where(static frame => frame.Type != (byte)FrameType.Ping).Select(frame => (isWritten, frame)));
                seen[isWritten] = (seen[isWritten].Bytes, whole.Count);
            }
        }

        return frames;
    }
}

/// <summary>A stream that tells a <see cref="Tap"/> what goes over it.</summary>
/// <param name="inner">The connection. Owned.</param>
/// <param name="tap">Told.</param>
internal sealed class TapStream(Stream inner, Tap tap) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        int count = inner.Read(buffer);
        tap.Add(isWritten: false, buffer[..count]);
        return count;
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        tap.Add(isWritten: true, buffer);
        inner.Write(buffer);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() => inner.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
