using System.Collections.Concurrent;

namespace Uffd.Paging;

/// <summary>What one step of filling did.</summary>
/// <param name="Pages">So many pages are settled.</param>
/// <param name="Failure">Why the page behind them could not be had, or null.</param>
internal readonly record struct ImageStep(int Pages, string? Failure);

/// <summary>Reads pages of a source into the memory of a shared image. Used by several threads at once.</summary>
/// <param name="source">The source.</param>
/// <param name="memory">The memory.</param>
/// <param name="map">Its states; pages are claimed by the caller.</param>
/// <param name="settle">Told the new state of each page, once its bytes are there.</param>
internal sealed class ImageReader(IPageSource source, ImageMemory memory, PageStateMap map, Action<long, PageState, string?> settle) : IDisposable
{
    /// <summary>How many pages are read at once.</summary>
    public static readonly int RunPages = Math.Max(1, (64 << 10) / Environment.SystemPageSize);

    private static readonly ulong PageSize = (ulong)Environment.SystemPageSize;

    private readonly ConcurrentBag<FetchBuffer> _buffers = [];

    /// <summary>The memory as a region of its own.</summary>
    public RegionSlice Slice { get; } = new(memory.Range, source, sourceOffset: 0, System.Numerics.BitOperations.Log2(PageSize), map, firstPage: 0);

    /// <summary>How many pages from this one on must be read; 0 when what it holds is known, or is in memory already.</summary>
    public int FindData(long page, int count)
    {
        SourceRun run = SourceRuns.GetWholePages(Slice, page, count);
        int pages = (int)Math.Clamp(run.Length / PageSize, 1, (ulong)count);
        return run.Kind == SourceRunKind.Data && source.GetDirect((ulong)page * PageSize, (ulong)pages * PageSize, out _) == DirectAccess.None ? pages : 0;
    }

    /// <summary>Fills claimed pages of one kind, where nothing is to be read or the source is quick.</summary>
    /// <param name="page">The first.</param>
    /// <param name="count">How many are claimed, at most <see cref="RunPages"/>.</param>
    /// <param name="demanded">Whether a fault waits: then zeros are not looked for where that costs something.</param>
    public ImageStep Fill(long page, int count, bool demanded)
    {
        SourceRun run = SourceRuns.GetWholePages(Slice, page, count);
        int pages = (int)Math.Clamp(run.Length / PageSize, 1, (ulong)count);
        switch (run.Kind)
        {
            case SourceRunKind.Poisoned:
                return Settle(page, pages, PageState.Poisoned);
            case SourceRunKind.Zero or SourceRunKind.Hole when run.Length >= PageSize:
                return Settle(page, pages, PageState.Zeros);
            default:
                break;
        }

        ulong offset = (ulong)page * PageSize;
        DirectAccess access = source.GetDirect(offset, (ulong)pages * PageSize, out ulong address);
        if (access != DirectAccess.None && address == 0)
        {
            return new ImageStep(0, "the source named no address for bytes that it has in memory");
        }

        if (access == DirectAccess.Full)
        {
            return PutWithoutZeros(page, pages, address);
        }

        if (access == DirectAccess.KernelOnly && demanded)
        {
            UffdResult result = memory.Put(offset, address, (ulong)pages * PageSize);
            int there = (int)(result.Bytes / PageSize);
            if (there > 0 || result.Errno != Errno.EEXIST)
            {
                return Settle(page, there, PageState.Present) with
                {
                    Failure = result.Errno switch
                    {
                        Errno.EEXIST => null, // of the next page, which comes next
                        Errno.EFAULT => "the image was cut short or cannot be read",
                        _ => Describe(result.Errno),
                    },
                };
            }

            pages = 1; // somebody has read it before us: its bytes are needed here, to be stored
        }

        return Read(page, pages);
    }

    /// <summary>Frees the buffers. No fill may be under way.</summary>
    public void Dispose()
    {
        while (_buffers.TryTake(out FetchBuffer? buffer))
        {
            buffer.Free();
        }
    }

    /// <summary>Puts what is not zeros there; zeros take no memory.</summary>
    /// <param name="page">The first page.</param>
    /// <param name="pages">How many.</param>
    /// <param name="address">Their bytes, plain memory of this process.</param>
    public ImageStep PutWithoutZeros(long page, int pages, ulong address)
    {
        int done = 0;
        while (done < pages)
        {
            bool zero = IsZero(address, done);
            int end = done + 1;
            while (end < pages && IsZero(address, end) == zero)
            {
                end++;
            }

            ImageStep step = zero
                ? Settle(page + done, end - done, PageState.Zeros)
                : Put(page + done, end - done, address + ((ulong)done * PageSize));
            done += step.Pages;
            if (step.Failure is not null)
            {
                return step with { Pages = done };
            }
        }

        return new ImageStep(done, null);
    }

    private ImageStep Read(long page, int pages)
    {
        FetchBuffer buffer = _buffers.TryTake(out FetchBuffer? used) ? used : new FetchBuffer(RunPages * (int)PageSize);
        try
        {
            try
            {
                source.Read((ulong)page * PageSize, buffer.GetSpan()[..(pages * (int)PageSize)]);
            }
            catch (Exception) when (pages > 1) // a source may be anyone's code
            {
                pages = 1; // find out which page it is
                source.Read((ulong)page * PageSize, buffer.GetSpan()[..(int)PageSize]);
            }

            return PutWithoutZeros(page, pages, buffer.Address);
        }
        finally
        {
            _buffers.Add(buffer);
        }
    }

    private ImageStep Put(long page, int pages, ulong address)
    {
        ulong offset = (ulong)page * PageSize;
        UffdResult result = memory.Put(offset, address, (ulong)pages * PageSize);
        int done = (int)(result.Bytes / PageSize);
        if (result.Errno == Errno.EEXIST)
        {
            try
            {
                memory.Overwrite(offset + result.Bytes, address + result.Bytes, PageSize);
                done++;
            }
            catch (UffdException exception)
            {
                return Settle(page, done, PageState.Present) with { Failure = Describe(exception.Errno) };
            }

            return Settle(page, done, PageState.Present);
        }

        return Settle(page, done, PageState.Present) with { Failure = Describe(result.Errno) };
    }

    private ImageStep Settle(long page, int pages, PageState state)
    {
        for (int index = 0; index < pages; index++)
        {
            settle(page + index, state, null);
        }

        return new ImageStep(pages, null);
    }

    private static string? Describe(Errno errno) => errno switch
    {
        Errno.None => null,
        Errno.ENOMEM => "there is no memory for the shared image",
        _ => $"the shared image cannot be filled: {UffdException.Describe(errno)}",
    };

    private static unsafe bool IsZero(ulong address, int page)
        => !new ReadOnlySpan<byte>((void*)(address + ((ulong)page * PageSize)), Environment.SystemPageSize).ContainsAnyExcept((byte)0); // the caller's, of that length
}
