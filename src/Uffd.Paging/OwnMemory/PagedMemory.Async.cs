namespace Uffd.Paging;

/// <content>The accesses that do not hold up a thread while pages come. One that finds all in memory is done when it returns.</content>
public sealed partial class PagedMemory
{
    /// <summary>As <see cref="Read{T}"/>, without holding up a thread.</summary>
    /// <typeparam name="T">A type without references.</typeparam>
    /// <param name="offset">Its first byte.</param>
    /// <param name="cancellation">Stops waiting.</param>
    public ValueTask<T> ReadAsync<T>(long offset, CancellationToken cancellation = default)
        where T : unmanaged
    {
        int size = System.Runtime.CompilerServices.Unsafe.SizeOf<T>();
        if (IsReady(offset, size, PageAccess.Read))
        {
            return new ValueTask<T>(Read<T>(offset)); // should it have gone again at this moment, the read waits for it
        }

        return WaitAsync(this, offset, size, cancellation);

        static async ValueTask<T> WaitAsync(PagedMemory memory, long offset, int size, CancellationToken cancellation)
        {
            byte[] bytes = new byte[size];
            await memory.CopyToAsync(offset, bytes, cancellation).ConfigureAwait(false);
            return System.Runtime.InteropServices.MemoryMarshal.Read<T>(bytes);
        }
    }

    /// <summary>As <see cref="Write{T}"/>, without holding up a thread.</summary>
    /// <typeparam name="T">A type without references.</typeparam>
    /// <param name="offset">Its first byte.</param>
    /// <param name="value">The value.</param>
    /// <param name="cancellation">Stops waiting: nothing is written then.</param>
    public ValueTask WriteAsync<T>(long offset, T value, CancellationToken cancellation = default)
        where T : unmanaged
    {
        int size = System.Runtime.CompilerServices.Unsafe.SizeOf<T>();
        if (IsReady(offset, size, PageAccess.Write))
        {
            Write(offset, value); // should its page have gone at this moment, the write waits for it
            return ValueTask.CompletedTask;
        }

        byte[] bytes = new byte[size];
        System.Runtime.InteropServices.MemoryMarshal.Write(bytes, value);
        return CopyFromAsync(offset, bytes, cancellation);
    }

    /// <summary>As <see cref="CopyTo(long, Span{byte})"/>, without holding up a thread.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="destination">Filled whole, or up to where it was cancelled.</param>
    /// <param name="cancellation">Stops.</param>
    public async ValueTask CopyToAsync(long offset, Memory<byte> destination, CancellationToken cancellation = default)
    {
        long at = Check(offset, destination.Length);
        int done = 0;
        for (int tries = 0; done < destination.Length;)
        {
            int step = TryCopyOut(at + done, destination.Span[done..], tries);
            if (step == 0)
            {
                await MakeReadyAsync(at + done, destination.Length - done, tries, write: false, cancellation).ConfigureAwait(false);
            }

            done += step;
            tries = Tries(tries, step, at + done);
        }
    }

    /// <summary>As <see cref="CopyFrom(long, ReadOnlySpan{byte})"/>, without holding up a thread.</summary>
    /// <param name="offset">Where the first goes.</param>
    /// <param name="source">The bytes.</param>
    /// <param name="cancellation">Stops: what was copied until then is written.</param>
    public async ValueTask CopyFromAsync(long offset, ReadOnlyMemory<byte> source, CancellationToken cancellation = default)
    {
        long at = Check(offset, source.Length);
        int done = 0;
        for (int tries = 0; done < source.Length;)
        {
            int step = TryCopyIn(at + done, source.Span[done..], tries);
            if (step == 0)
            {
                await MakeReadyAsync(at + done, source.Length - done, tries, write: true, cancellation).ConfigureAwait(false);
            }

            done += step;
            tries = Tries(tries, step, at + done);
        }
    }

    /// <summary>As <see cref="Lease"/>, without holding up a thread while pages come.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">How many bytes: at least 1, and no more than the region's limit.</param>
    /// <param name="access">To read, or to write as well.</param>
    /// <param name="cancellation">Stops waiting: no lease is held then.</param>
    public ValueTask<PageLease> LeaseAsync(long offset, int length, PageAccess access, CancellationToken cancellation = default)
    {
        PageLease lease = Take(offset, length, access, out long first, out long end);
        return AreReady(first, end, access) ? new ValueTask<PageLease>(lease) : WaitAsync(this, lease, first, end, access, cancellation);

        static async ValueTask<PageLease> WaitAsync(PagedMemory memory, PageLease lease, long first, long end, PageAccess access, CancellationToken cancellation)
        {
            try
            {
                await memory._region.MakeReadyAsync(first, end, access == PageAccess.Write, cancellation).ConfigureAwait(false);
                return lease;
            }
            catch
            {
                lease.Dispose();
                throw;
            }
        }
    }

    private ValueTask MakeReadyAsync(long at, int length, int tries, bool write, CancellationToken cancellation)
        => _region.MakeReadyAsync(at >> _shift, ((at + RunAt(at, length, tries) - 1) >> _shift) + 1, write, cancellation);

    private bool IsReady(long offset, int length, PageAccess access)
    {
        long at = Check(offset, length);
        return AreReady(at >> _shift, ((at + length - 1) >> _shift) + 1, access);
    }
}
