namespace Uffd.Paging.Tests;

/// <summary>Says of a source that its reads take their time, and counts how many run at once.</summary>
internal sealed class DelayedSource(IPageSource inner, int concurrency, TimeSpan delay = default) : IPageSource
{
    private readonly AtOnce _reads = new();

    public ulong Length => inner.Length;

    public int Concurrency => concurrency;

    /// <summary>The most reads at once.</summary>
    public int Most => _reads.Most;

    public SourceRun GetRun(ulong offset, ulong length) => inner.GetRun(offset, length);

    public void Read(ulong offset, Span<byte> destination)
    {
        _reads.Enter();
        try
        {
            Thread.Sleep(delay);
            inner.Read(offset, destination);
        }
        finally
        {
            _reads.Leave();
        }
    }

    public void Dispose() => inner.Dispose();
}
