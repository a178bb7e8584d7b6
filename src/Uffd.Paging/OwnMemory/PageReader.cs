namespace Uffd.Paging;

/// <summary>Gets the bytes of claimed pages: without reading where they are in memory or known to be zeros, else by a read that is tried again.</summary>
internal sealed class PageReader(IPageStore store, FetchBuffers buffers, ulong pageSize, int retries, TimeSpan firstPause)
{
    /// <summary>How many pages from here on can be had in one way.</summary>
    /// <exception cref="IOException">The store knows that they are lost.</exception>
    public int Limit(long first, int count, out bool areZeros)
    {
        SourceRun run = store.GetRun((ulong)first * pageSize, (ulong)count * pageSize);
        areZeros = false;
        switch (run.Kind)
        {
            case SourceRunKind.Poisoned:
                throw new IOException($"the bytes at offset {(ulong)first * pageSize} are known to be lost: they must be restored in the page store");
            case SourceRunKind.Zero or SourceRunKind.Hole when run.Length >= pageSize:
                areZeros = true;
                return (int)Math.Min((ulong)count, run.Length / pageSize);
            default:
                return count;
        }
    }

    /// <summary>Finds where the bytes of claimed pages are, or a buffer to read them into.</summary>
    public void Locate(ref PageFetch fetch, bool areZeros)
    {
        ulong bytes = (ulong)fetch.Count * pageSize;
        if (areZeros && AreStillZeros(fetch, bytes))
        {
            fetch.Address = ZeroBuffer.AddressFor(bytes);
        }
        else if (store.GetDirect((ulong)fetch.First * pageSize, bytes, out ulong address) != DirectAccess.None)
        {
            fetch.Address = address;
        }
        else
        {
            UseBuffer(ref fetch);
        }
    }

    /// <summary>Has the bytes read after all.</summary>
    public void UseBuffer(ref PageFetch fetch)
    {
        fetch.Address = 0;
        fetch.Buffer = buffers.Rent(fetch.Count * (int)pageSize);
    }

    public void Read(in PageFetch fetch)
    {
        Span<byte> destination = fetch.Buffer!.Memory.Span[..(fetch.Count * (int)pageSize)];
        var backoff = new Backoff(retries, firstPause);
        while (true)
        {
            try
            {
                long start = RegionMeter.Start();
                store.Read((ulong)fetch.First * pageSize, destination);
                RegionMeter.Took(start, "read");
                return;
            }
            catch (Exception exception) when (exception is not ObjectDisposedException && backoff.TriesAgain())
            {
                Thread.Sleep(backoff.Pause);
            }
            catch (Exception exception)
            {
                throw Failure(fetch.First, exception);
            }
        }
    }

    public async ValueTask ReadAsync(PageFetch fetch)
    {
        Memory<byte> destination = fetch.Buffer!.Memory[..(fetch.Count * (int)pageSize)];
        var backoff = new Backoff(retries, firstPause);
        while (true)
        {
            try
            {
                // Not to be cancelled: the buffer is the read's until it ends, and others may wait for these pages.
                long start = RegionMeter.Start();
                await store.ReadAnyAsync((ulong)fetch.First * pageSize, destination, CancellationToken.None).ConfigureAwait(false);
                RegionMeter.Took(start, "read");
                return;
            }
            catch (Exception exception) when (exception is not ObjectDisposedException && backoff.TriesAgain())
            {
                await Task.Delay(backoff.Pause).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                throw Failure(fetch.First, exception);
            }
        }
    }

    public void Release(ref PageFetch fetch)
    {
        if (fetch.Buffer is { } buffer)
        {
            buffers.Return(buffer);
            fetch.Buffer = null;
        }
    }

    /// <summary>
    /// Asked again now that they are claimed: since it was told that they are zeros somebody may have brought one of them, written it, and had it go again.
    /// </summary>
    private bool AreStillZeros(in PageFetch fetch, ulong bytes)
    {
        SourceRun run = store.GetRun((ulong)fetch.First * pageSize, bytes);
        return run.Kind is SourceRunKind.Zero or SourceRunKind.Hole && run.Length >= bytes;
    }

    private IOException Failure(long first, Exception exception)
        => new($"the page at offset {(ulong)first * pageSize} could not be read: {exception.Message}", exception);
}
