using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Uffd.Paging;

/// <summary>
/// Paged memory as an array of values: <c>region.Memory.AsArray&lt;long&gt;()</c>. It holds nothing of its own, so as many as one likes may look at one
/// memory. Elements may cross pages.
/// </summary>
/// <typeparam name="T">A type without references. What it is in memory is what is in the store, its padding too.</typeparam>
/// <remarks>
/// Elements are read and written as <see cref="PagedMemory.Read{T}"/> and <see cref="PagedMemory.Write{T}"/> do, so with their exceptions. One of up to
/// eight bytes that does not cross a page is read and written in one piece; others are not. All members may be called from several threads at once.
/// </remarks>
public sealed partial class PagedArray<T>
    where T : unmanaged
{
    /// <summary>The most elements that are copied or leased in one step.</summary>
    internal static readonly int StepElements = Math.Max(1, PagedMemory.StepBytes / ElementSize);

    private readonly PagedMemory _memory;

    /// <summary>Looks at memory as elements. Nothing is read.</summary>
    /// <param name="memory">The memory: whole elements.</param>
    /// <exception cref="ArgumentException">Its length is not a multiple of an element's: take the part that is meant with <see cref="PagedMemory.Slice"/>.</exception>
    public PagedArray(PagedMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (memory.Length % ElementSize != 0)
        {
            throw new ArgumentException(
                $"{memory.Length} bytes are not whole elements of {ElementSize} bytes each: slice the memory to {memory.Length / ElementSize * ElementSize} bytes, or to the part that is meant",
                nameof(memory));
        }

        _memory = memory;
        Length = memory.Length / ElementSize;
    }

    /// <summary>How many elements.</summary>
    public long Length { get; }

    /// <summary>The bytes.</summary>
    public PagedMemory Memory => _memory;

    /// <summary>Bytes of an element.</summary>
    internal static int ElementSize
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Unsafe.SizeOf<T>();
    }

    /// <summary>An element.</summary>
    /// <param name="index">Which, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is none.</exception>
    /// <exception cref="IOException">Its page could not be read from the store.</exception>
    /// <exception cref="RegionReadOnlyException">It is set, and the region takes no writes, now or ever.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public T this[long index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            CheckIndex(index); // a product that wrapped around could be inside again
            return _memory.Read<T>(index * ElementSize);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        set
        {
            CheckIndex(index);
            _memory.Write(index * ElementSize, value);
        }
    }

    /// <summary>A part of it. Nothing is read.</summary>
    /// <param name="index">The first element.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not inside this.</exception>
    public PagedArray<T> Slice(long index, long count)
    {
        Check(index, count);
        return new PagedArray<T>(_memory.Slice(index * ElementSize, count * ElementSize));
    }

    /// <summary>Copies elements out.</summary>
    /// <param name="index">The first.</param>
    /// <param name="destination">Filled whole.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not inside this.</exception>
    /// <exception cref="IOException">A page could not be read from the store; what was copied before it is in <paramref name="destination"/>.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public void CopyTo(long index, Span<T> destination)
    {
        Check(index, destination.Length);
        while (!destination.IsEmpty)
        {
            Span<T> step = destination[..Math.Min(destination.Length, MaxElements)];
            _memory.CopyTo(index * ElementSize, MemoryMarshal.AsBytes(step));
            destination = destination[step.Length..];
            index += step.Length;
        }
    }

    /// <summary>Copies elements in.</summary>
    /// <param name="index">Where the first goes.</param>
    /// <param name="source">The elements.</param>
    /// <exception cref="RegionReadOnlyException">The region takes no writes, now or ever.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Not inside this.</exception>
    /// <exception cref="IOException">A page could not be read from the store; what comes before it is written.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public void CopyFrom(long index, ReadOnlySpan<T> source)
    {
        Check(index, source.Length);
        while (!source.IsEmpty)
        {
            ReadOnlySpan<T> step = source[..Math.Min(source.Length, MaxElements)];
            _memory.CopyFrom(index * ElementSize, MemoryMarshal.AsBytes(step));
            source = source[step.Length..];
            index += step.Length;
        }
    }

    /// <summary>Sets every element; of a part: <c>array.Slice(index, count).Fill(value)</c>.</summary>
    /// <param name="value">To what.</param>
    /// <exception cref="RegionReadOnlyException">The region takes no writes, now or ever.</exception>
    /// <exception cref="IOException">A page could not be read from the store; what comes before it is written.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public void Fill(T value)
    {
        foreach (Span<T> block in WritableBlocks())
        {
            block.Fill(value);
        }
    }

    /// <summary>Sets every element to zeros.</summary>
    /// <exception cref="RegionReadOnlyException">The region takes no writes, now or ever.</exception>
    /// <exception cref="IOException">A page could not be read from the store; what comes before it is written.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public void Clear() => Fill(default);

    /// <summary>Brings elements into memory in one call and keeps them there until the lease is disposed.</summary>
    /// <param name="index">The first.</param>
    /// <param name="count">How many: at least 1, and no more than the region's limit holds, nor 2 GiB.</param>
    /// <param name="access">To read, or to write as well.</param>
    /// <exception cref="RegionReadOnlyException">It is to write, and the region takes no writes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Not inside this, or too many.</exception>
    /// <exception cref="IOException">A page could not be read from the store.</exception>
    /// <exception cref="InvalidOperationException">Leases hold all of the region's limit.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public PageLease<T> Lease(long index, int count, PageAccess access)
    {
        CheckLease(index, count);
        return new PageLease<T>(_memory.Lease(index * ElementSize, count * ElementSize, access));
    }

    private static int MaxElements => int.MaxValue / ElementSize;

    private void CheckLease(long index, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxElements);
        Check(index, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CheckIndex(long index)
    {
        if (unchecked((ulong)index >= (ulong)Length))
        {
            ThrowOutside(index, 1);
        }
    }

    private void Check(long index, long count)
    {
        if (unchecked((ulong)index > (ulong)Length || (ulong)count > (ulong)(Length - index)))
        {
            ThrowOutside(index, count);
        }
    }

    [DoesNotReturn]
    private void ThrowOutside(long index, long count)
        => throw new ArgumentOutOfRangeException(nameof(index), $"{count} elements from index {index} are not inside this array of {Length}");
}
