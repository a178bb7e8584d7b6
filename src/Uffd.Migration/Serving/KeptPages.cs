namespace Uffd.Migration;

/// <summary>A landing that keeps no page: it only has the way to get each, for whoever wants them.</summary>
internal sealed class KeptPages(MigrationRegion region) : IMigrationLanding
{
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public MigrationRegion Region => region;

    /// <summary>The pages, from the switch on.</summary>
    public IMigratedPages? Pages { get; private set; }

    /// <summary>Nothing is ever complete: pages are fetched as often as they are wanted.</summary>
    public Task Completed => _completed.Task;

    public void Write(ulong offset, ReadOnlySpan<byte> pages)
        => throw new IOException("this side only fetches pages when they are wanted: let the source switch at once, without rounds of pre-copy");

    public void Clear(ulong offset, ulong length)
    {
        // All of it is zeros.
    }

    public void Switch(IMigratedPages pages) => Pages = pages;

    public void Dispose() => _completed.TrySetResult();
}
