namespace Uffd.Paging;

/// <summary>
/// Paged memory as a stream of fixed length. It has no buffer of its own: what is written is in the memory at once, and durable after
/// <see cref="PagedRegion.Flush"/>; <see cref="Flush"/> of the stream does nothing. Disposing it leaves the region as it is. Not for several threads at
/// once, but several streams may be over one memory.
/// </summary>
public sealed class PagedStream : Stream
{
    private readonly PagedMemory _memory;
    private long _position;
    private bool _isDisposed;

    /// <summary>Makes a stream over memory.</summary>
    /// <param name="memory">The memory; the stream begins at its first byte.</param>
    public PagedStream(PagedMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        _memory = memory;
    }

    /// <inheritdoc/>
    public override bool CanRead => !_isDisposed;

    /// <inheritdoc/>
    public override bool CanSeek => !_isDisposed;

    /// <summary>Whether the region takes writes at this moment.</summary>
    public override bool CanWrite => !_isDisposed && !_memory.IsReadOnly;

    /// <inheritdoc/>
    public override long Length
    {
        get
        {
            ThrowIfDisposed();
            return _memory.Length;
        }
    }

    /// <summary>Where the next byte is read or written. It may be behind the end: nothing is read there, and writing fails.</summary>
    public override long Position
    {
        get
        {
            ThrowIfDisposed();
            return _position;
        }

        set
        {
            ThrowIfDisposed();
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _position = value;
        }
    }

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        int count = Available(buffer.Length);
        _memory.CopyTo(Math.Min(_position, _memory.Length), buffer[..count]);
        _position += count;
        return count;
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        return Read(buffer.AsSpan(offset, count));
    }

    /// <inheritdoc/>
    public override int ReadByte()
    {
        byte value = 0;
        return Read(new Span<byte>(ref value)) == 0 ? -1 : value;
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = Available(buffer.Length);
        await _memory.CopyToAsync(Math.Min(_position, _memory.Length), buffer[..count], cancellationToken).ConfigureAwait(false);
        _position += count;
        return count;
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        ValidateBufferArguments(buffer, offset, count);
        return ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    /// <inheritdoc/>
    /// <exception cref="RegionReadOnlyException">The region takes no writes, now or ever.</exception>
    /// <exception cref="IOException">It would go behind the end: nothing was written. Or a page could not be read from the store.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        CheckRoom(buffer.Length);
        if (!buffer.IsEmpty)
        {
            _memory.CopyFrom(_position, buffer);
            _position += buffer.Length;
        }
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        Write(buffer.AsSpan(offset, count));
    }

    /// <inheritdoc/>
    public override void WriteByte(byte value) => Write(new ReadOnlySpan<byte>(ref value));

    /// <inheritdoc/>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        CheckRoom(buffer.Length);
        if (!buffer.IsEmpty)
        {
            await _memory.CopyFromAsync(_position, buffer, cancellationToken).ConfigureAwait(false);
            _position += buffer.Length;
        }
    }

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        ValidateBufferArguments(buffer, offset, count);
        return WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">It would be before the first byte.</exception>
    public override long Seek(long offset, SeekOrigin origin)
    {
        ThrowIfDisposed();
        long from = origin switch
        {
            SeekOrigin.Begin => 0,
            SeekOrigin.Current => _position,
            SeekOrigin.End => _memory.Length,
            _ => throw new ArgumentException($"{origin} is no origin to seek from", nameof(origin)),
        };
        if (offset < -from || offset > long.MaxValue - from)
        {
            throw new IOException($"{offset} bytes from byte {from} is outside of any stream");
        }

        _position = from + offset;
        return _position;
    }

    /// <summary>Not possible: the memory is as long as its store.</summary>
    /// <param name="value">The length.</param>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override void SetLength(long value) => throw new NotSupportedException("the length of paged memory is its store's: make a longer store");

    /// <summary>Does nothing: it has no buffer. What was written is durable after <see cref="PagedRegion.Flush"/>.</summary>
    public override void Flush() => ThrowIfDisposed();

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        ThrowIfDisposed();
        return cancellationToken.IsCancellationRequested ? Task.FromCanceled(cancellationToken) : Task.CompletedTask;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _isDisposed = true;
        base.Dispose(disposing);
    }

    private int Available(int wanted)
    {
        ThrowIfDisposed();
        return (int)Math.Clamp(_memory.Length - _position, 0, wanted);
    }

    private void CheckRoom(int count)
    {
        ThrowIfDisposed();
        if (count > _memory.Length - _position && count > 0)
        {
            throw new IOException($"{count} bytes at byte {_position} do not fit into the {_memory.Length} bytes of this memory, which cannot grow: nothing was written");
        }
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_isDisposed, this);
}
