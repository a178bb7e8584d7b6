using System.Buffers;

namespace Uffd.Paging;

/// <summary>
/// Writes one thing behind the other into paged memory, through leases: for <c>Utf8JsonWriter</c> and all that writes to an
/// <see cref="IBufferWriter{T}"/>. Not for several threads at once. Dispose it to give back the lease it holds.
/// </summary>
/// <remarks>Who writes asks for more than it then needs; near the end that is given from another buffer, so that the memory can be filled to its last byte.</remarks>
public sealed class PagedBufferWriter : IBufferWriter<byte>, IDisposable
{
    private const int DefaultBytes = 4096;

    private readonly PagedMemory _memory;
    private readonly long _start;
    private PageLease _lease;
    private long _leaseStart;
    private byte[]? _beyond; // handed out where the memory has less than was asked for
    private long _position;
    private int _given;
    private bool _isDisposed;

    /// <summary>Writes into memory.</summary>
    /// <param name="memory">The memory. What is in it stays where nothing is written.</param>
    /// <param name="offset">Where to begin, in bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The offset is not inside the memory.</exception>
    public PagedBufferWriter(PagedMemory memory, long offset = 0)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, memory.Length);
        _memory = memory;
        _start = offset;
        _position = offset;
    }

    /// <summary>Bytes written.</summary>
    public long Written => _position - _start;

    /// <summary>Bytes that can still be written.</summary>
    public long Remaining => _memory.Length - _position;

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">More than what was handed out, or than the memory has. Nothing was written then.</exception>
    public void Advance(int count)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count > _given)
        {
            throw new InvalidOperationException($"{count} bytes cannot be counted as written: {_given} were handed out");
        }

        if (count > Remaining)
        {
            throw new InvalidOperationException($"the memory has {Remaining} bytes left, and {count} were to be written: write less, or take larger memory");
        }

        if (_beyond is not null)
        {
            _memory.CopyFrom(_position, _beyond.AsSpan(0, count));
            _beyond = null;
        }

        _position += count;
        _given = 0;
    }

    /// <inheritdoc/>
    /// <exception cref="RegionReadOnlyException">The region takes no writes.</exception>
    /// <exception cref="IOException">A page could not be read from the store.</exception>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (Prepare(sizeHint) is { } beyond)
        {
            return beyond;
        }

        Memory<byte> rest = _lease.AsMemory()[(int)(_position - _leaseStart)..];
        _given = rest.Length;
        return rest;
    }

    /// <inheritdoc/>
    /// <exception cref="RegionReadOnlyException">The region takes no writes.</exception>
    /// <exception cref="IOException">A page could not be read from the store.</exception>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        if (Prepare(sizeHint) is { } beyond)
        {
            return beyond;
        }

        Span<byte> rest = _lease.Span[(int)(_position - _leaseStart)..];
        _given = rest.Length;
        return rest;
    }

    /// <summary>Gives back what it holds. What was written stays, and is durable after <see cref="PagedRegion.Flush"/>.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        _lease.Dispose();
        _beyond = null;
        _given = 0;
    }

    /// <summary>Holds a lease that has the room; or a buffer of its own, where the memory has not.</summary>
    private byte[]? Prepare(int sizeHint)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        int needed = Math.Max(1, sizeHint);
        _beyond = null;
        _given = 0;
        if (needed > Remaining)
        {
            _beyond = new byte[Math.Max(needed, DefaultBytes)];
            _given = _beyond.Length;
            return _beyond;
        }

        if (!_lease.IsHeld || _leaseStart + _lease.Length - _position < needed)
        {
            _lease.Dispose();
            int length = (int)Math.Min(Remaining, Math.Max(needed, _memory.StepAt(_position)));
            _lease = _memory.Lease(_position, length, PageAccess.Write);
            _leaseStart = _position;
        }

        return null;
    }
}
