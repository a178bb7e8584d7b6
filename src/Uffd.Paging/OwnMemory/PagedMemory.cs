using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Uffd.Paging;

/// <summary>
/// The memory of a <see cref="PagedRegion"/>, or a part of it, as code touches it. An access to bytes that are in memory costs a few
/// nanoseconds; one to bytes that are not waits for the store, as a call that waits and never inside a memory access. So no use of it
/// can hang on a garbage collection, and no collection waits for the store.
/// </summary>
/// <remarks>
/// Single reads and writes of up to eight bytes that do not cross a page are atomic where the processor's are. All others are not: two threads that
/// write the same bytes at once leave a mixture, as with any memory. All members may be called from several threads at once.
/// </remarks>
public sealed unsafe partial class PagedMemory
{
    private readonly PagedRegion _region;
    private readonly WritePermit _permit;
    private readonly PageTable _pages;
    private readonly byte* _base; // the region's first byte: valid while a page of it is ready
    private readonly byte* _states; // valid as long as _pages is referred to
    private readonly long _offset;
    private readonly int _shift;
    private readonly int _pageSize;

    internal PagedMemory(PagedRegion region, long offset, long length)
    {
        _region = region;
        _permit = region.Permit;
        _pages = region.Pages;
        _base = (byte*)region.Address;
        _states = region.Pages.States;
        _offset = offset;
        _pageSize = (int)region.PageSize;
        _shift = System.Numerics.BitOperations.Log2(region.PageSize);
        Length = length;
    }

    /// <summary>How many bytes.</summary>
    public long Length { get; }

    /// <summary>A part of it. Nothing is read.</summary>
    /// <param name="offset">The first byte, counted from the start of this.</param>
    /// <param name="length">How many bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not inside this.</exception>
    public PagedMemory Slice(long offset, long length)
    {
        Check(offset, length);
        return new PagedMemory(_region, _offset + offset, length);
    }

    /// <summary>Reads a value. It may lie anywhere, across pages too.</summary>
    /// <typeparam name="T">A type without references.</typeparam>
    /// <param name="offset">Its first byte.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not inside this memory.</exception>
    /// <exception cref="IOException">Its page could not be read from the store.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Read<T>(long offset)
        where T : unmanaged
    {
        long at = Check(offset, sizeof(T));
        ref ThreadSlot slot = ref ThreadSlots.Current;
        ThreadSlots.Enter(ref slot, (ulong)(_base + at), (ulong)sizeof(T));
        if ((Volatile.Read(ref _states[at >> _shift]) & PageBits.Ready) != 0 && sizeof(T) <= _pageSize - (at & (_pageSize - 1)))
        {
            // The page is ready, and stays while the slot says that it is touched.
            T value = Unsafe.ReadUnaligned<T>(_base + at);
            ThreadSlots.Leave(ref slot);
            GC.KeepAlive(this);
            return value;
        }

        ThreadSlots.Leave(ref slot);
        return ReadSlowly<T>(at);
    }

    /// <summary>Writes a value. It may lie anywhere, across pages too.</summary>
    /// <typeparam name="T">A type without references.</typeparam>
    /// <param name="offset">Its first byte.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="RegionReadOnlyException">The region takes no writes, now or ever.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Not inside this memory.</exception>
    /// <exception cref="IOException">Its page could not be read from the store.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<T>(long offset, T value)
        where T : unmanaged
    {
        const byte Writable = PageBits.Ready | PageBits.Dirty;
        long at = Check(offset, sizeof(T));
        ref ThreadSlot slot = ref ThreadSlots.Current;
        ThreadSlots.Enter(ref slot, (ulong)(_base + at), (ulong)sizeof(T));
        if ((Volatile.Read(ref _states[at >> _shift]) & Writable) == Writable
            && sizeof(T) <= _pageSize - (at & (_pageSize - 1))
            && _permit.Refusal is null)
        {
            Unsafe.WriteUnaligned(_base + at, value); // ready, and stays: as in Read
            ThreadSlots.Leave(ref slot);
            GC.KeepAlive(this);
            return;
        }

        ThreadSlots.Leave(ref slot);
        CopyIn(at, new ReadOnlySpan<byte>(&value, sizeof(T))); // a local of this frame
    }

    /// <summary>Copies bytes out.</summary>
    /// <param name="offset">The first.</param>
    /// <param name="destination">Filled whole.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not inside this memory.</exception>
    /// <exception cref="IOException">A page could not be read from the store; what was copied before it is in <paramref name="destination"/>.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public void CopyTo(long offset, Span<byte> destination) => CopyOut(Check(offset, destination.Length), destination);

    /// <summary>Copies bytes in.</summary>
    /// <param name="offset">Where the first goes.</param>
    /// <param name="source">The bytes.</param>
    /// <exception cref="RegionReadOnlyException">The region takes no writes, now or ever.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Not inside this memory.</exception>
    /// <exception cref="IOException">A page could not be read from the store; what comes before it is written.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public void CopyFrom(long offset, ReadOnlySpan<byte> source) => CopyIn(Check(offset, source.Length), source);

    /// <summary>
    /// Brings bytes into memory in one call and keeps them there until the lease is disposed. Its span is plain memory.
    /// </summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">How many bytes: at least 1, and no more than the region's limit.</param>
    /// <param name="access">To read, or to write as well.</param>
    /// <exception cref="RegionReadOnlyException">It is to write, and the region takes no writes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Not inside this memory.</exception>
    /// <exception cref="IOException">A page could not be read from the store.</exception>
    /// <exception cref="InvalidOperationException">Leases hold all of the region's limit.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public PageLease Lease(long offset, int length, PageAccess access)
    {
        PageLease lease = Take(offset, length, access, out long first, out long end);
        if (!AreReady(first, end, access))
        {
            try
            {
                _region.MakeReady(first, end, access == PageAccess.Write);
            }
            catch
            {
                lease.Dispose();
                throw;
            }
        }

        return lease;
    }

    private PageLease Take(long offset, int length, PageAccess access, out long first, out long end)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        long at = Check(offset, length);
        if (access == PageAccess.Write && _permit.Refusal is { } refusal)
        {
            throw refusal;
        }

        first = at >> _shift;
        end = ((at + length - 1) >> _shift) + 1;
        int place = _region.Leases.Take((ulong)_base + ((ulong)first << _shift), (ulong)_base + ((ulong)end << _shift), access == PageAccess.Write, out int version);
        return new PageLease(_region, place, version, _base + at, length, access);
    }

    private bool AreReady(long first, long end, PageAccess access)
        => HaveAll(first, end, access == PageAccess.Write ? (byte)(PageBits.Ready | PageBits.Dirty) : PageBits.Ready);

    private bool HaveAll(long first, long end, byte bits)
    {
        // Whole words of states at once; the table has room behind its end.
        ulong mask = bits * 0x0101010101010101UL;
        long page = first;
        for (; end - page >= 8; page += 8)
        {
            if ((Unsafe.ReadUnaligned<ulong>(_states + page) & mask) != mask)
            {
                return false;
            }
        }

        for (; page < end; page++)
        {
            if ((Volatile.Read(ref _states[page]) & bits) != bits)
            {
                return false;
            }
        }

        Volatile.ReadBarrier(); // what is read of the pages is read after their states
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private long Check(long offset, long length)
    {
        if (unchecked((ulong)offset > (ulong)Length || (ulong)length > (ulong)(Length - offset)))
        {
            ThrowOutside(offset, length);
        }

        return _offset + offset;
    }

    [DoesNotReturn]
    private void ThrowOutside(long offset, long length)
        => throw new ArgumentOutOfRangeException(nameof(offset), $"{length} bytes at offset {offset} are not inside the {Length} bytes of this memory");
}
