using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>Elements of a <see cref="PagedArray{T}"/> that stay in memory until this is disposed: a <see cref="PageLease"/> with their type.</summary>
/// <typeparam name="T">A type without references.</typeparam>
[SuppressMessage("Performance", "CA1815", Justification = "leases are not compared")]
public readonly struct PageLease<T> : IDisposable
    where T : unmanaged
{
    private readonly PageLease _bytes;

    internal PageLease(PageLease bytes) => _bytes = bytes;

    /// <summary>How many elements.</summary>
    public int Length => _bytes.Length / PagedArray<T>.ElementSize;

    /// <summary>Whether it is still held.</summary>
    public bool IsHeld => _bytes.IsHeld;

    /// <summary>The elements, to read and write.</summary>
    /// <exception cref="ObjectDisposedException">The lease was disposed.</exception>
    /// <exception cref="InvalidOperationException">The lease is to read only.</exception>
    public Span<T> Span => MemoryMarshal.Cast<byte, T>(_bytes.Span);

    /// <summary>The elements, to read.</summary>
    /// <exception cref="ObjectDisposedException">The lease was disposed.</exception>
    public ReadOnlySpan<T> ReadOnlySpan => MemoryMarshal.Cast<byte, T>(_bytes.ReadOnlySpan);

    /// <summary>The lease of the bytes. Disposing either of the two gives both back.</summary>
    public PageLease Bytes => _bytes;

    /// <summary>Gives the elements back. Doing it again, by a copy too, does nothing.</summary>
    public void Dispose() => _bytes.Dispose();
}
