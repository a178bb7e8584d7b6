using Uffd.Paging;

namespace Uffd.Bench;

/// <summary>A source whose every read is answered after a fixed time, however many are asked at once: a network, in short.</summary>
internal sealed class DelayedPageSource(IPageSource inner, TimeSpan delay, int concurrency) : IPageSource
{
    private readonly DelayLine line = new(delay);

    public ulong Length => inner.Length;

    public int Concurrency => concurrency;

    public SourceRun GetRun(ulong offset, ulong length) => inner.GetRun(offset, length);

    public void Read(ulong offset, Span<byte> destination)
    {
        line.EnterAsync().GetAwaiter().GetResult();
        inner.Read(offset, destination);
    }

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        await line.EnterAsync();
        cancellation.ThrowIfCancellationRequested();
        inner.Read(offset, destination.Span);
    }

    public void Dispose() => line.Dispose();
}
