namespace Uffd.Paging;

/// <summary>A store whose flushes are made by asking for reads, of whatever: as <see cref="WritesAsReads"/> makes writes.</summary>
internal sealed class FlushesAsReads(IPageStore store) : IPageSource
{
    public ulong Length => store.Length;

    public void Read(ulong offset, Span<byte> destination) => store.Flush();

    /// <summary>The store is not its own.</summary>
    public void Dispose()
    {
    }
}
