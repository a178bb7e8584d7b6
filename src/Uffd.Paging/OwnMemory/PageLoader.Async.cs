namespace Uffd.Paging;

/// <content>The same steps for tasks: nothing holds up a thread while pages come.</content>
internal sealed partial class PageLoader
{
    /// <summary>The same without holding up a thread.</summary>
    public async ValueTask MakeReadyAsync(long first, long end, bool write, CancellationToken cancellation)
    {
        bool isAlone = false;
        for (long page = first; page < end;)
        {
            byte state = pages.Get(page);
            switch (Enter(page, state, write))
            {
                case Step.Ready:
                    page++;
                    break;
                case Step.Claim:
                    isAlone |= !await TryFillAsync(page, end, isAlone, cancellation).ConfigureAwait(false);
                    break;
                case Step.Wait:
                    await waiters.WaitAsync(page, state).WaitAsync(cancellation).ConfigureAwait(false);
                    break;
                default:
                    break;
            }
        }
    }

    private async ValueTask<bool> TryFillAsync(long page, long end, bool isAlone, CancellationToken cancellation)
    {
        counters.Missed();
        int count = isAlone ? Alone(page, out bool areZeros) : Plan(page, end, out areZeros);
        PageFetch fetch = Take(page, await room.ReserveAsync(count, cancellation).ConfigureAwait(false));
        if (fetch.Count == 0)
        {
            return true;
        }

        Task filling = CompleteAsync(fetch, areZeros);
        try
        {
            if (cancellation.CanBeCanceled && !filling.IsCompleted)
            {
                // Others may wait for these pages: they come although this caller may not wait any longer.
                gate.EnterAgain();
                _ = LeaveAfterAsync(filling);
            }

            await filling.WaitAsync(cancellation).ConfigureAwait(false);
            return true;
        }
        catch (IOException) when (fetch.Count > 1)
        {
            return false;
        }
    }

    private async Task LeaveAfterAsync(Task filling)
    {
        await filling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        gate.Leave();
    }

    private async Task CompleteAsync(PageFetch fetch, bool areZeros)
    {
        try
        {
            reader.Locate(ref fetch, areZeros);
            if (fetch.Buffer is not null)
            {
                await reader.ReadAsync(fetch).ConfigureAwait(false);
            }

            if (!TryInstall(fetch, isMarked: false))
            {
                reader.UseBuffer(ref fetch);
                await reader.ReadAsync(fetch).ConfigureAwait(false);
                TryInstall(fetch, isMarked: false);
            }
        }
        catch
        {
            Abandon(fetch);
            throw;
        }
        finally
        {
            reader.Release(ref fetch);
        }
    }
}
