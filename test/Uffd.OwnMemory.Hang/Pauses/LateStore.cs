using Uffd.Paging;

namespace Uffd.OwnMemory.Hang;

/// <summary>A store whose reads take their time, all of them. Every byte of a page tells which page it is.</summary>
internal sealed class LateStore(ulong length, TimeSpan delay) : IPageStore
{
    public ulong Length { get; } = length;

    public int Concurrency => 64;

    /// <summary>What every byte of a page is.</summary>
    public static byte ValueAt(ulong offset) => unchecked((byte)((offset / (ulong)Environment.SystemPageSize * 31) + 1));

    public void Read(ulong offset, Span<byte> destination)
    {
        Thread.Sleep(delay);
        Fill(offset, destination);
    }

    public async ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation)
    {
        await Task.Delay(delay, cancellation);
        Fill(offset, destination.Span);
    }

    public void Write(ulong offset, ReadOnlySpan<byte> source) => throw new InvalidOperationException("nobody writes here");

    public void Flush()
    {
        // Nothing was written.
    }

    public void Dispose()
    {
        // There is nothing to let go.
    }

    private static void Fill(ulong offset, Span<byte> destination)
    {
        int page = Environment.SystemPageSize;
        for (int at = 0; at < destination.Length; at += page)
        {
            destination.Slice(at, page).Fill(ValueAt(offset + (ulong)at));
        }
    }
}
