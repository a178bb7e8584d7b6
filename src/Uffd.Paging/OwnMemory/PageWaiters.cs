namespace Uffd.Paging;

/// <summary>
/// Who waits for a page's state to change. Who changes the state of a page with <see cref="PageBits.Waited"/> takes that bit away
/// and tells them; the others pay nothing.
/// </summary>
internal sealed class PageWaiters(PageTable pages)
{
    private const int Stripes = 64;

    private readonly Dictionary<long, TaskCompletionSource>[] _stripes =
        [.. Enumerable.Range(0, Stripes).Select(_ => new Dictionary<long, TaskCompletionSource>())];

    /// <summary>A task that ends when the state is no longer what it was seen to be. It is not a promise: look again.</summary>
    public Task WaitAsync(long page, byte seen)
    {
        Dictionary<long, TaskCompletionSource> stripe = StripeOf(page);
        lock (stripe)
        {
            // The bit is set under the lock, and so is its taker's look into the table: no waiter comes between the two.
            if ((seen & PageBits.Waited) == 0 && !pages.TryChange(page, seen, (byte)(seen | PageBits.Waited)))
            {
                return Task.CompletedTask;
            }

            if ((seen & PageBits.Waited) != 0 && pages.Get(page) != seen)
            {
                return Task.CompletedTask;
            }

            if (!stripe.TryGetValue(page, out TaskCompletionSource? waiter))
            {
                waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                stripe.Add(page, waiter);
            }

            return waiter.Task;
        }
    }

    /// <summary>Tells those who wait for a page, after its state was changed and its bit taken away.</summary>
    public void Tell(long page)
    {
        TaskCompletionSource? waiter;
        Dictionary<long, TaskCompletionSource> stripe = StripeOf(page);
        lock (stripe)
        {
            stripe.Remove(page, out waiter);
        }

        waiter?.SetResult();
    }

    private Dictionary<long, TaskCompletionSource> StripeOf(long page) => _stripes[(int)((ulong)page % Stripes)];
}
