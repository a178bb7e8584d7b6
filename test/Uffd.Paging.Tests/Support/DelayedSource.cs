namespace Uffd.Paging.Tests;

/// <summary>Says of a source that its reads take their time, and counts how many run at once.</summary>
internal sealed class DelayedSource(IPageSource inner, int concurrency, TimeSpan delay = default) : IPageSource
{
    private int _running;
    private int _most;

    public ulong Length => inner.Length;

    public int Concurrency => concurrency;

    /// <summary>The most reads at once.</summary>
    public int Most => Volatile.Read(ref _most);

    public SourceRun GetRun(ulong offset, ulong length) => inner.GetRun(offset, length);

    public void Read(ulong offset, Span<byte> destination)
    {
        int running = Interlocked.Increment(ref _running);
        int most = Most;
        while (running > most)
        {
            int before = Interlocked.CompareExchange(ref _most, running, most);
            if (before == most)
            {
                break;
            }

            most = before;
        }

        try
        {
            Thread.Sleep(delay);
            inner.Read(offset, destination);
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    public void Dispose() => inner.Dispose();
}
