namespace Uffd.Paging;

/// <content>Paged memory as arrays, sequences and streams, and finding bytes in it.</content>
public sealed partial class PagedMemory
{
    /// <summary>The most bytes of a search's prefix: what is longer is compared behind it.</summary>
    private const int MaxPrefix = 4096;

    /// <summary>Whether the region takes no writes at this moment, or never does: <see cref="PagedRegion.ReadOnlyReason"/> says why.</summary>
    public bool IsReadOnly => _region.IsReadOnly;

    /// <summary>It as an array of values.</summary>
    /// <typeparam name="T">A type without references.</typeparam>
    /// <exception cref="ArgumentException">Its length is not a multiple of an element's: take the part that is meant with <see cref="Slice"/>.</exception>
    public PagedArray<T> AsArray<T>()
        where T : unmanaged
        => new(this);

    /// <summary>It as a stream of fixed length, to read and write. The stream does not own the region.</summary>
    public PagedStream AsStream() => new(this);

    /// <summary>
    /// Leases bytes as a sequence, for parsers. All of it is in memory until it is disposed, so it may be at most half of the region's limit; go
    /// through more with a <see cref="PagedStream"/>, or part by part.
    /// </summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">How many bytes; 0 is an empty sequence. Up to 1 GiB are one segment, more are several.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not inside this memory, or more than half of the region's limit.</exception>
    /// <exception cref="IOException">A page could not be read from the store.</exception>
    /// <exception cref="InvalidOperationException">Leases hold all of the region's limit.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public LeasedSequence LeaseSequence(long offset, long length) => LeaseSequence(offset, length, LeasedSequence.MaxSegment);

    /// <summary>As <see cref="LeaseSequence(long, long)"/>, without holding up a thread while pages come.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="cancellation">Stops waiting: no lease is held then.</param>
    public ValueTask<LeasedSequence> LeaseSequenceAsync(long offset, long length, CancellationToken cancellation = default)
    {
        CheckSequence(offset, length);
        return LeasedSequence.TakeAsync(this, offset, length, LeasedSequence.MaxSegment, cancellation);
    }

    /// <summary>Finds bytes, wherever they lie, with vectors.</summary>
    /// <param name="value">What is looked for. Nothing at all is found at <paramref name="from"/>.</param>
    /// <param name="from">The offset to begin at.</param>
    /// <returns>The offset of the first occurrence that begins at or behind <paramref name="from"/>, or -1.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="from"/> is not inside this memory.</exception>
    /// <exception cref="IOException">A page could not be read from the store.</exception>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public long IndexOf(ReadOnlySpan<byte> value, long from = 0)
    {
        Check(from, 0);
        if (value.IsEmpty)
        {
            return from;
        }

        ReadOnlySpan<byte> prefix = value[..Math.Min(value.Length, MaxPrefix)];
        while (value.Length <= Length - from)
        {
            // Each window begins in a step and has what an occurrence needs that begins at the step's last byte.
            int step = StepAt(from);
            int window = (int)Math.Min(step + prefix.Length - 1, Length - from);
            int found;
            using (PageLease lease = Lease(from, window, PageAccess.Read))
            {
                found = lease.ReadOnlySpan.IndexOf(prefix);
            }

            if (found < 0)
            {
                from += Math.Min(step, window);
                continue;
            }

            from += found;
            if (value.Length <= Length - from && Has(from + prefix.Length, value[prefix.Length..]))
            {
                return from;
            }

            from++;
        }

        return -1;
    }

    /// <summary>The same with segments of a given size.</summary>
    internal LeasedSequence LeaseSequence(long offset, long length, int segment)
    {
        CheckSequence(offset, length);
        return LeasedSequence.Take(this, offset, length, segment);
    }

    /// <summary>Bytes from an offset to the end of the step it is in.</summary>
    internal int StepAt(long offset) => (int)(StepBytes - ((_offset + offset) & (StepBytes - 1)));

    /// <summary>Whether bytes are at an offset. They are inside.</summary>
    private bool Has(long offset, ReadOnlySpan<byte> value)
    {
        while (!value.IsEmpty)
        {
            int step = Math.Min(StepAt(offset), value.Length);
            using PageLease lease = Lease(offset, step, PageAccess.Read);
            if (!lease.ReadOnlySpan.SequenceEqual(value[..step]))
            {
                return false;
            }

            value = value[step..];
            offset += step;
        }

        return true;
    }

    private void CheckSequence(long offset, long length)
    {
        Check(offset, length);
        if ((ulong)length > _region.MemoryLimit / 2)
        {
            throw new ArgumentOutOfRangeException(
                nameof(length),
                $"a sequence of {length} bytes is more than half of the region's limit of {_region.MemoryLimit} bytes: take it part by part, use a PagedStream, or allow more memory");
        }
    }
}
