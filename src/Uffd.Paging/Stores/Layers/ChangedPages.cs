namespace Uffd.Paging;

/// <summary>A store as a layer of which only some pages count, whatever it says of the others.</summary>
internal sealed class ChangedPages(IPageStore changes, StoredPages pages) : IPageSource
{
    public ulong Length => changes.Length;

    public int Concurrency => changes.Concurrency;

    /// <summary>What counts hides what is below it, also where the store has forgotten that it was given zeros.</summary>
    public SourceRun GetRun(ulong offset, ulong length)
    {
        if (!pages.Contains(offset, length, out ulong same))
        {
            return new SourceRun(same, SourceRunKind.Hole);
        }

        SourceRun run = changes.GetRun(offset, same);
        return run.Kind == SourceRunKind.Hole ? run with { Kind = SourceRunKind.Zero } : run;
    }

    public DirectAccess GetDirect(ulong offset, ulong length, out ulong address) => changes.GetDirect(offset, length, out address);

    public void Read(ulong offset, Span<byte> destination) => changes.Read(offset, destination);

    public ValueTask ReadAsync(ulong offset, Memory<byte> destination, CancellationToken cancellation) => changes.ReadAsync(offset, destination, cancellation);

    /// <summary>The store is not its own.</summary>
    public void Dispose()
    {
    }
}
