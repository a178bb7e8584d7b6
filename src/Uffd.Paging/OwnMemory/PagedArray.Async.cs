namespace Uffd.Paging;

/// <content>The accesses that do not hold up a thread while pages come.</content>
public sealed partial class PagedArray<T>
{
    /// <summary>Reads an element without holding up a thread.</summary>
    /// <param name="index">Which.</param>
    /// <param name="cancellation">Stops waiting.</param>
    public ValueTask<T> ReadAsync(long index, CancellationToken cancellation = default)
    {
        CheckIndex(index);
        return _memory.ReadAsync<T>(index * ElementSize, cancellation);
    }

    /// <summary>Writes an element without holding up a thread.</summary>
    /// <param name="index">Which.</param>
    /// <param name="value">The value.</param>
    /// <param name="cancellation">Stops waiting: nothing is written then.</param>
    public ValueTask WriteAsync(long index, T value, CancellationToken cancellation = default)
    {
        CheckIndex(index);
        return _memory.WriteAsync(index * ElementSize, value, cancellation);
    }

    /// <summary>As <see cref="CopyTo(long, Span{T})"/>, without holding up a thread.</summary>
    /// <param name="index">The first element.</param>
    /// <param name="destination">Filled whole, or up to where it was cancelled.</param>
    /// <param name="cancellation">Stops.</param>
    public async ValueTask CopyToAsync(long index, Memory<T> destination, CancellationToken cancellation = default)
    {
        Check(index, destination.Length);
        for (int done = 0; done < destination.Length;)
        {
            int step = Math.Min(destination.Length - done, StepElements);
            using PageLease<T> lease = await LeaseAsync(index + done, step, PageAccess.Read, cancellation).ConfigureAwait(false);
            lease.ReadOnlySpan.CopyTo(destination.Span[done..]);
            done += step;
        }
    }

    /// <summary>As <see cref="CopyFrom(long, ReadOnlySpan{T})"/>, without holding up a thread.</summary>
    /// <param name="index">Where the first goes.</param>
    /// <param name="source">The elements.</param>
    /// <param name="cancellation">Stops: what was copied until then is written.</param>
    public async ValueTask CopyFromAsync(long index, ReadOnlyMemory<T> source, CancellationToken cancellation = default)
    {
        Check(index, source.Length);
        for (int done = 0; done < source.Length;)
        {
            int step = Math.Min(source.Length - done, StepElements);
            using PageLease<T> lease = await LeaseAsync(index + done, step, PageAccess.Write, cancellation).ConfigureAwait(false);
            source.Span.Slice(done, step).CopyTo(lease.Span);
            done += step;
        }
    }

    /// <summary>As <see cref="Lease"/>, without holding up a thread while pages come.</summary>
    /// <param name="index">The first.</param>
    /// <param name="count">How many: at least 1, and no more than the region's limit holds, nor 2 GiB.</param>
    /// <param name="access">To read, or to write as well.</param>
    /// <param name="cancellation">Stops waiting: no lease is held then.</param>
    public async ValueTask<PageLease<T>> LeaseAsync(long index, int count, PageAccess access, CancellationToken cancellation = default)
    {
        CheckLease(index, count);
        return new PageLease<T>(await _memory.LeaseAsync(index * ElementSize, count * ElementSize, access, cancellation).ConfigureAwait(false));
    }
}
