namespace Uffd.Migration.Tests.Support;

/// <summary>
/// One end of a connection inside this process, that behaves as a socket does: bounded buffers, disposal by another thread ends calls that wait, a side that closes leaves what it
/// wrote to be read. Two reads at once, or two writes, are refused, as TLS refuses them.
/// </summary>
internal sealed class DuplexPipe : Stream
{
    private readonly ByteQueue _incoming;
    private readonly ByteQueue _outgoing;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _reads;
    private int _writes;

    private DuplexPipe(ByteQueue incoming, ByteQueue outgoing)
    {
        _incoming = incoming;
        _outgoing = outgoing;
    }

    /// <summary>Completes when this end was disposed or reset.</summary>
    public Task Closed => _closed.Task;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Makes both ends.</summary>
    /// <param name="capacity">How many bytes fit on the way, in each direction.</param>
    public static (DuplexPipe Left, DuplexPipe Right) Create(int capacity = 64 << 10)
    {
        var toRight = new ByteQueue(capacity);
        var toLeft = new ByteQueue(capacity);
        return (new DuplexPipe(toLeft, toRight), new DuplexPipe(toRight, toLeft));
    }

    public override int Read(Span<byte> buffer)
    {
        using var one = new OneAtATime(ref _reads);
        return _incoming.Read(buffer);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Enter(ref _reads);
        try
        {
            return await _incoming.ReadAsync(buffer, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _reads, 0);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        using var one = new OneAtATime(ref _writes);
        _outgoing.Write(buffer);
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Enter(ref _writes);
        try
        {
            await _outgoing.WriteAsync(buffer, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _writes, 0);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    /// <summary>Closes the direction in which this end writes: the other reads what is left, then the end.</summary>
    public void CompleteWrites() => _outgoing.CloseWriter();

    /// <summary>Breaks the connection for both ends; what was on its way is lost.</summary>
    public void Reset()
    {
        _incoming.Reset();
        _outgoing.Reset();
        _closed.TrySetResult();
    }

    /// <summary>Ends the connection for both ends; what was on its way arrives.</summary>
    public void Sever()
    {
        _incoming.Sever();
        _outgoing.Sever();
        _closed.TrySetResult();
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _outgoing.CloseWriter();
            _incoming.CloseReader();
            _closed.TrySetResult();
        }

        base.Dispose(disposing);
    }

    private static void Enter(ref int flag)
    {
        if (Interlocked.Exchange(ref flag, 1) != 0)
        {
            throw new InvalidOperationException("two reads or two writes of one stream at once");
        }
    }

    private readonly ref struct OneAtATime
    {
        private readonly ref int _flag;

        public OneAtATime(ref int flag)
        {
            Enter(ref flag);
            _flag = ref flag;
        }

        public void Dispose() => Volatile.Write(ref _flag, 0);
    }
}
