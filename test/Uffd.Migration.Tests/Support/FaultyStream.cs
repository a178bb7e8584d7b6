namespace Uffd.Migration.Tests.Support;

/// <summary>A connection that breaks, stalls, loses, doubles and inverts what goes over it, in either direction, where it was told to.</summary>
/// <param name="inner">The connection. Owned.</param>
/// <param name="reads">What happens to what is read.</param>
/// <param name="writes">What happens to what is written.</param>
internal sealed class FaultyStream(DuplexPipe inner, FaultTrack reads, FaultTrack writes) : Stream
{
    private readonly byte[] _one = new byte[1];
    private byte[] _again = [];

    public FaultTrack Reads => reads;

    public FaultTrack Writes => writes;

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
        int taken;
        while ((taken = TakeAgain(buffer)) < 0)
        {
            Fault fault = buffer.IsEmpty ? default : reads.Next(buffer.Length);
            switch (fault.Kind)
            {
                case FaultKind.Stall:
                    _ = inner.Closed.Wait(fault.Count);
                    break;
                case FaultKind.Reset or FaultKind.Close:
                    Cut(fault.Kind);
                    break;
                default:
                    taken = inner.Read(buffer[..Bytes(fault)]);
                    if (Deliver(fault, buffer[..taken]))
                    {
                        return taken;
                    }

                    break;
            }
        }

        return taken;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int taken;
        while ((taken = TakeAgain(buffer.Span)) < 0)
        {
            Fault fault = buffer.IsEmpty ? default : reads.Next(buffer.Length);
            switch (fault.Kind)
            {
                case FaultKind.Stall:
                    await StallAsync(fault, cancellationToken);
                    break;
                case FaultKind.Reset or FaultKind.Close:
                    Cut(fault.Kind);
                    break;
                default:
                    taken = await inner.ReadAsync(buffer[..Bytes(fault)], cancellationToken);
                    if (Deliver(fault, buffer.Span[..taken]))
                    {
                        return taken;
                    }

                    break;
            }
        }

        return taken;
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            Fault fault = writes.Next(buffer.Length);
            switch (fault.Kind)
            {
                case FaultKind.Stall:
                    _ = inner.Closed.Wait(fault.Count);
                    continue;
                case FaultKind.Reset or FaultKind.Close:
                    Cut(fault.Kind);
                    continue;
                case FaultKind.Drop:
                    break;
                case FaultKind.Flip:
                    _one[0] = (byte)(buffer[0] ^ (1 << fault.Count));
                    inner.Write(_one);
                    break;
                default:
                    inner.Write(buffer[..fault.Count]);
                    if (fault.Kind == FaultKind.Duplicate)
                    {
                        inner.Write(buffer[..fault.Count]);
                    }

                    break;
            }

            writes.Advance(Bytes(fault));
            buffer = buffer[Bytes(fault)..];
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            Fault fault = writes.Next(buffer.Length);
            switch (fault.Kind)
            {
                case FaultKind.Stall:
                    await StallAsync(fault, cancellationToken);
                    continue;
                case FaultKind.Reset or FaultKind.Close:
                    Cut(fault.Kind);
                    continue;
                case FaultKind.Drop:
                    break;
                case FaultKind.Flip:
                    _one[0] = (byte)(buffer.Span[0] ^ (1 << fault.Count));
                    await inner.WriteAsync(_one, cancellationToken);
                    break;
                default:
                    await inner.WriteAsync(buffer[..fault.Count], cancellationToken);
                    if (fault.Kind == FaultKind.Duplicate)
                    {
                        await inner.WriteAsync(buffer[..fault.Count], cancellationToken);
                    }

                    break;
            }

            writes.Advance(Bytes(fault));
            buffer = buffer[Bytes(fault)..];
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

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

    private static int Bytes(Fault fault) => fault.Kind == FaultKind.Flip ? 1 : fault.Count;

    private void Cut(FaultKind kind)
    {
        if (kind == FaultKind.Reset)
        {
            inner.Reset();
        }
        else
        {
            inner.Sever();
        }
    }

    private async Task StallAsync(Fault fault, CancellationToken cancellation)
        => await Task.WhenAny(inner.Closed, Task.Delay(fault.Count, cancellation));

    /// <summary>What comes twice; -1 where nothing does.</summary>
    private int TakeAgain(Span<byte> buffer)
    {
        int taken = Math.Min(_again.Length, buffer.Length);
        _again.AsSpan(0, taken).CopyTo(buffer);
        _again = _again[taken..];
        return taken > 0 ? taken : -1;
    }

    /// <summary>Does to bytes that were read what happens to them; false when they are lost.</summary>
    private bool Deliver(Fault fault, Span<byte> bytes)
    {
        reads.Advance(bytes.Length);
        if (bytes.IsEmpty)
        {
            return true;
        }

        if (fault.Kind == FaultKind.Flip)
        {
            bytes[0] ^= (byte)(1 << fault.Count);
        }
        else if (fault.Kind == FaultKind.Duplicate)
        {
            _again = bytes.ToArray();
        }

        return fault.Kind != FaultKind.Drop;
    }
}
