using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>A store that sleeps now and then, so that misses, write-back and whoever waits for either are under way when a collection comes.</summary>
internal sealed class HangStore(byte[] bytes, bool isAsync) : IPageStore
{
    private const int MaxAtOnce = 8;
    private const int ReadsOfASleep = 16;
    private const int WritesOfASleep = 8;
    private int _reads;
    private int _writes;

    public ulong Length => Layout.Length;

    public int Concurrency => isAsync ? MaxAtOnce : 0;

    public void Read(ulong offset, Span<byte> destination)
    {
        if (Interlocked.Increment(ref _reads) % ReadsOfASleep == 0)
        {
            Thread.Sleep(1);
        }

        bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
    }

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _reads) % ReadsOfASleep == 0)
        {
            await Task.Delay(1, cancellation);
        }
        else
        {
            await Task.Yield();
        }

        bytes.AsMemory((int)offset, destination.Length).CopyTo(destination);
    }

    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        if (Interlocked.Increment(ref _writes) % WritesOfASleep == 0)
        {
            Thread.Sleep(1);
        }

        source.CopyTo(bytes.AsSpan((int)offset));
    }

    public async ValueTask WriteAsync(ulong offset, ReadOnlyMemory<byte> source, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _writes) % WritesOfASleep == 0)
        {
            await Task.Delay(1, cancellation);
        }
        else
        {
            await Task.Yield();
        }

        source.CopyTo(bytes.AsMemory((int)offset));
    }

    public void Flush() => Thread.Sleep(1);

    public void Dispose()
    {
        // The bytes are a process's.
    }
}
