using Uffd.Migration;
using Uffd.Paging;

namespace Uffd.Samples.KeyValue;

/// <summary>Takes in a store from a <see cref="StoreSender"/>: it answers from the switch on, while the rest of it is still coming.</summary>
internal sealed class StoreReceiver : IDisposable
{
    private readonly MigrationListener _listener;
    private readonly ulong _maxBytes;
    private readonly Action<KeyValueStore> _started;
    private readonly Action<MigrationEvent>? _observer;
    private readonly CancellationTokenSource _over = new();
    private KeyValueStore? _store;
    private bool _isStarted;

    /// <param name="listener">Where the sender connects. Not disposed.</param>
    /// <param name="maxBytes">The most that a store may have.</param>
    /// <param name="started">Told of the store when it answers; owns it from then on.</param>
    /// <param name="observer">Told of what happens.</param>
    public StoreReceiver(MigrationListener listener, ulong maxBytes, Action<KeyValueStore> started, Action<MigrationEvent>? observer = null)
    {
        _listener = listener;
        _maxBytes = maxBytes;
        _started = started;
        _observer = observer;
    }

    /// <summary>Whether the store answers here, with all or some of its pages.</summary>
    public bool IsStarted => Volatile.Read(ref _isStarted);

    /// <summary>Waits for a sender, and takes its store in. Completes when all of it is here.</summary>
    /// <param name="cancellation">Ends it before the switch.</param>
    /// <exception cref="IOException">It failed. When <see cref="IsStarted"/>, what came answers all the same, and what did not is an error of who asks for it.</exception>
    public async Task<MigrationSummary> RunAsync(CancellationToken cancellation = default)
    {
        MigrationLink link = await _listener.AcceptAsync(cancellation);
        Guid session = link.Session;
        using var destination = new MigrationDestination(new MigrationDestinationOptions
        {
            Land = Land,
            Start = Start,
            MaxRegions = 1,
            MaxBytes = _maxBytes,
            Observer = _observer,
        });
        Task resuming = ResumeAsync(destination, session);
        try
        {
            return await destination.RunAsync(link, cancellation);
        }
        finally
        {
            await _over.CancelAsync();
            await resuming;
            if (!IsStarted)
            {
                _store?.Dispose();
            }
        }
    }

    public void Dispose() => _over.Cancel();

    private StoreLanding Land(MigrationRegion region)
    {
        var landing = new StoreLanding(region, new MemoryPageStore(region.Length));
        _store = new KeyValueStore(landing.Store) { Landing = landing }; // made before the switch: no request waits for it
        return landing;
    }

    private ValueTask Start(ReadOnlyMemory<byte> state, CancellationToken cancellation)
    {
        _store!.Start(state.Span);
        Volatile.Write(ref _isStarted, true);
        _started(_store);
        return ValueTask.CompletedTask;
    }

    /// <summary>A link of the same session goes on where one broke; another sender has to wait, and is told so by the end of its connection.</summary>
    private async Task ResumeAsync(MigrationDestination destination, Guid session)
    {
        try
        {
            while (true)
            {
                MigrationLink link = await _listener.AcceptAsync(_over.Token);
                if (link.Session == session)
                {
                    destination.Resume(link);
                }
                else
                {
                    link.Dispose();
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException or IOException)
        {
            // It is over, or there is no listening any more: then a broken connection stays broken.
        }
    }
}
