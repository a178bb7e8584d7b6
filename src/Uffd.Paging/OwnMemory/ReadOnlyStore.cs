namespace Uffd.Paging;

/// <summary>A source as the store of a region that is never written.</summary>
internal sealed class ReadOnlyStore(IPageSource source) : IPageStore
{
    public ulong Length => source.Length;

    public int Concurrency => source.Concurrency;

    public SourceRun GetRun(ulong offset, ulong length) => source.GetRun(offset, length);

    public DirectAccess GetDirect(ulong offset, ulong length, out ulong address) => source.GetDirect(offset, length, out address);

    public void Read(ulong offset, Span<byte> destination) => source.Read(offset, destination);

    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => source.ReadAsync(offset, destination, cancellation);

    public void Write(ulong offset, ReadOnlySpan<byte> source) => throw new InvalidOperationException("a read-only region has nothing to write");

    public void Flush()
    {
        // Nothing was ever written.
    }

    public void Dispose() => source.Dispose();
}
