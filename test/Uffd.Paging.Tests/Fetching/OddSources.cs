namespace Uffd.Paging.Tests.Fetching;

/// <summary>Fails for some pages, after a while.</summary>
internal sealed class FailingAsyncSource(byte[] bytes, Func<ulong, bool> fails) : ReadSource(bytes), IPageSource
{
    public int Concurrency => 8;

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        await Task.Yield();
        for (ulong at = offset; at < offset + (ulong)destination.Length; at += Pattern.Page)
        {
            if (fails(at / Pattern.Page))
            {
                throw new IOException($"page {at / Pattern.Page} cannot be had");
            }
        }

        Read(offset, destination.Span);
    }
}

/// <summary>Its first read ends when it likes and not when it is told to, and writes then.</summary>
internal sealed class StubbornSource(byte[] bytes) : ReadSource(bytes), IPageSource
{
    private int _reads;

    public int Concurrency => 8;

    public TaskCompletionSource Late { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool Written { get; private set; }

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        bool first = Interlocked.Increment(ref _reads) == 1;
        if (first)
        {
            await Late.Task;
        }

        Read(offset, destination.Span);
        Written = first || Written;
    }
}

/// <summary>Some answers come at once, some later, some much later.</summary>
internal sealed class ShufflingSource(byte[] bytes) : ReadSource(bytes), IPageSource
{
    public int Concurrency => 32;

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        int way = Random.Shared.Next(4);
        if (way == 1)
        {
            await Task.Yield();
        }
        else if (way > 1)
        {
            await Task.Delay(way, cancellation);
        }

        Read(offset, destination.Span);
    }
}

/// <summary>Has a hole and a poisoned page.</summary>
internal sealed class HolesSource(IPageSource inner, ulong hole, ulong poisoned) : IPageSource
{
    public ulong Length => inner.Length;

    public int Concurrency => inner.Concurrency;

    public SourceRun GetRun(ulong offset, ulong length)
    {
        ulong page = offset / Pattern.Page;
        SourceRunKind kind = page == hole ? SourceRunKind.Hole : page == poisoned ? SourceRunKind.Poisoned : SourceRunKind.Data;
        return new SourceRun(Math.Min(length, Pattern.Page - (offset % Pattern.Page)), kind);
    }

    public void Read(ulong offset, Span<byte> destination) => inner.Read(offset, destination);

    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => inner.ReadAsync(offset, destination, cancellation);

    public void Dispose()
    {
        // The inner one is the test's.
    }
}
