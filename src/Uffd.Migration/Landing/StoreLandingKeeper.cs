using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>Writes to the store what has come, those pages of it that nobody has written meanwhile.</summary>
internal sealed class StoreLandingKeeper(IPageStore store, StoreLandingPages pages)
{
    private long _failures;

    public long Failures => Interlocked.Read(ref _failures);

    /// <summary>Keeps pages, as far as the store can: what it could not is missing again, and fetched again when it is touched.</summary>
    /// <returns>Whether it could.</returns>
    public bool Keep(long first, ReadOnlySpan<byte> content, LandedPage claim)
    {
        bool isKept = true;
        long end = first + (content.Length >> WirePage.Shift);
        for (long page = first; pages.TryKeep(ref page, end, claim, out int count); page += count)
        {
            bool isWritten = false;
            try
            {
                store.Write((ulong)page << WirePage.Shift, content.Slice((int)(page - first) << WirePage.Shift, count << WirePage.Shift));
                isWritten = true;
            }
            catch (Exception)
            {
                Interlocked.Increment(ref _failures); // a store is anyone's code, and may throw anything
            }
            finally
            {
                pages.Kept(page, count, isWritten);
            }

            isKept &= isWritten;
        }

        return isKept;
    }

    /// <summary>The same in the way that the store asks for.</summary>
    public async ValueTask<bool> KeepAsync(long first, ReadOnlyMemory<byte> content, LandedPage claim)
    {
        if (store.Concurrency == 0)
        {
            return Keep(first, content.Span, claim);
        }

        bool isKept = true;
        long end = first + (content.Length >> WirePage.Shift);
        for (long page = first; pages.TryKeep(ref page, end, claim, out int count); page += count)
        {
            bool isWritten = false;
            try
            {
                // Not to be cancelled: a write that is given up may still go on.
                await store.WriteAsync((ulong)page << WirePage.Shift, content.Slice((int)(page - first) << WirePage.Shift, count << WirePage.Shift), CancellationToken.None).ConfigureAwait(false);
                isWritten = true;
            }
            catch (Exception)
            {
                Interlocked.Increment(ref _failures);
            }
            finally
            {
                pages.Kept(page, count, isWritten);
            }

            isKept &= isWritten;
        }

        return isKept;
    }
}
