using Uffd.Paging;

namespace Uffd.Bench;

/// <summary>
/// A source whose every read is answered after a fixed time, however many are asked at once: a network, in short. Not the product's
/// <see cref="DelayedPageSource"/>, whose pauses are a thread each: with 64 of them that would be measured, and not the pager.
/// </summary>
internal sealed class PunctualPageSource(IPageSource inner, TimeSpan delay, int concurrency) : PageSourceDecorator(inner, ownsInner: false)
{
    private readonly DelayLine line = new(delay);

    public override int Concurrency => concurrency;

    protected override bool AllowsDirectAccess => false;

    public override void Read(ulong offset, Span<byte> destination)
    {
        line.EnterAsync().GetAwaiter().GetResult();
        Inner.Read(offset, destination);
    }

    public override async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        await line.EnterAsync();
        cancellation.ThrowIfCancellationRequested();
        Inner.Read(offset, destination.Span);
    }

    protected override void Dispose(bool disposing)
    {
        line.Dispose();
        base.Dispose(disposing);
    }
}
