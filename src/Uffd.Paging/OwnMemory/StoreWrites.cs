namespace Uffd.Paging;

/// <summary>Writes copies of pages to a store: neighbours in one call, in order of offset, again when it fails.</summary>
internal sealed class StoreWrites(IPageStore store, int retries, TimeSpan firstPause)
{
    /// <summary>Writes them all.</summary>
    /// <param name="copies">The pages one behind the other.</param>
    /// <param name="pages">Which they are, in order.</param>
    /// <param name="pageSize">Bytes of each.</param>
    /// <returns>In how many calls.</returns>
    /// <exception cref="IOException">One could not be written, however often it was tried.</exception>
    public int Write(FetchBuffer copies, List<PageCopy> pages, ulong pageSize)
    {
        int writes = 0;
        int inFlight = Math.Max(1, store.Concurrency);
        List<Task>? tasks = store.Concurrency > 0 ? [] : null;
        Exception? failure = null;
        for (int index = 0; index < pages.Count && failure is null; writes++)
        {
            int length = 1;
            while (index + length < pages.Count && pages[index + length].Page == pages[index].Page + length)
            {
                length++;
            }

            Memory<byte> bytes = copies.Memory.Slice(index * (int)pageSize, length * (int)pageSize);
            ulong offset = pages[index].Page * pageSize;
            if (tasks is null)
            {
                WriteOne(offset, bytes.Span);
            }
            else
            {
                tasks.Add(WriteOneAsync(offset, bytes));
                if (tasks.Count >= inFlight)
                {
                    failure = Take(tasks, Task.WhenAny(tasks).GetAwaiter().GetResult());
                }
            }

            index += length;
        }

        // The buffer is used again when this returns: no write may still read it.
        while (tasks is { Count: > 0 })
        {
            failure = Take(tasks, tasks[0]) ?? failure;
        }

        return failure is null ? writes : throw failure;
    }

    private static IOException? Take(List<Task> tasks, Task task)
    {
        tasks.Remove(task);
        try
        {
            task.GetAwaiter().GetResult();
            return null;
        }
        catch (Exception exception)
        {
            return AsIO(exception);
        }
    }

    /// <summary>A store is anyone's code: whatever it throws is a failure to write, and the region goes on.</summary>
    private static IOException AsIO(Exception exception)
        => exception as IOException ?? new IOException($"the page store failed: {exception.Message}", exception);

    private void WriteOne(ulong offset, ReadOnlySpan<byte> bytes)
    {
        var backoff = new Backoff(retries, firstPause);
        while (true)
        {
            try
            {
                long start = RegionMeter.Start();
                store.Write(offset, bytes);
                RegionMeter.Took(start, "write");
                return;
            }
            catch (Exception) when (backoff.TriesAgain())
            {
                Thread.Sleep(backoff.Pause);
            }
            catch (Exception exception)
            {
                throw AsIO(exception);
            }
        }
    }

    private async Task WriteOneAsync(ulong offset, ReadOnlyMemory<byte> bytes)
    {
        var backoff = new Backoff(retries, firstPause);
        while (true)
        {
            try
            {
                long start = RegionMeter.Start();
                await store.WriteAsync(offset, bytes, CancellationToken.None).ConfigureAwait(false);
                RegionMeter.Took(start, "write");
                return;
            }
            catch (Exception) when (backoff.TriesAgain())
            {
                await Task.Delay(backoff.Pause).ConfigureAwait(false);
            }
        }
    }
}
