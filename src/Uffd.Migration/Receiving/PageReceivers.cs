namespace Uffd.Migration;

/// <summary>A receiver for each stream, made when something comes over it.</summary>
internal sealed class PageReceivers(IReadOnlyList<DestinationRegion> regions) : IDisposable
{
    private readonly PageReceiver?[] _all = new PageReceiver?[MigrationLink.MaxStreams];

    /// <summary>That of a stream: for the thread that reads it.</summary>
    public PageReceiver Of(int stream) => _all[stream] ??= new PageReceiver(regions);

    public void Dispose() => Array.ForEach(_all, receiver => receiver?.Dispose());
}
