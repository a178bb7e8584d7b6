using System.Globalization;
using Uffd.Migration;
using Uffd.Paging;

namespace Uffd.Tool.Serving;

/// <summary>An image that another host has. Where that cannot be reached its readers wait, until it is back or given up.</summary>
internal sealed class RemoteImage : IDisposable
{
    private readonly MigrationAddress _address;
    private readonly TimeSpan? _patience;
    private readonly Action<string> _tell;
    private readonly Timer _giveUp;
    private PageClient? _client;

    private RemoteImage(MigrationAddress address, TimeSpan? patience, Action<string> tell)
    {
        _address = address;
        _patience = patience;
        _tell = tell;
        _giveUp = new Timer(_ => GiveUp());
    }

    /// <summary>Its pages; the regions of a migration one after another.</summary>
    public IPageSource Source { get; private set; } = null!;

    /// <summary>Connects.</summary>
    /// <param name="address">Where the pages are.</param>
    /// <param name="options">How to connect.</param>
    /// <param name="patience">How long it may be out of reach before it counts as gone for good; null for ever.</param>
    /// <param name="tell">Told of what happens, a line each.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="IOException">It cannot be connected to.</exception>
    public static async Task<RemoteImage> ConnectAsync(MigrationAddress address, MigrationLinkOptions options, TimeSpan? patience, Action<string> tell, CancellationToken cancellation)
    {
        var image = new RemoteImage(address, patience, tell);
        try
        {
            var connector = new MigrationConnector(address, options);
            image._client = await PageClient.ConnectAsync(connector.ConnectAsync, image.Observe, cancellation);
            image.Source = image._client.Pages is [var only] ? only : new JoinedPages(image._client.Pages);
            image.TellWhatItHas();
            _ = image.WatchAsync(image._client.Ended);
            return image;
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _giveUp.Dispose();
        _client?.Dispose();
    }

    private void TellWhatItHas()
    {
        IReadOnlyList<MigrationRegion> regions = _client!.Regions;
        ulong bytes = regions.Aggregate(0UL, (sum, region) => sum + region.Length);
        string names = regions is [var only] ? only.Name : string.Create(CultureInfo.InvariantCulture, $"{regions.Count} regions");
        _tell($"{_address}: has {Uffd.Daemon.Sizes.Format(bytes)}, {names}");
    }

    private void Observe(MigrationEvent happened)
    {
        if (happened.Kind is MigrationEventKind.Broken or MigrationEventKind.Resumed)
        {
            _ = _patience is { } patience && happened.Kind == MigrationEventKind.Broken
                ? _giveUp.Change(patience, Timeout.InfiniteTimeSpan)
                : _giveUp.Change(Timeout.Infinite, Timeout.Infinite);
        }

        if (happened.Kind != MigrationEventKind.Phase)
        {
            _tell($"{_address}: {happened.Message}");
        }
    }

    private void GiveUp()
    {
        string reason = string.Create(CultureInfo.InvariantCulture, $"{_address} could not be reached for {_patience!.Value.TotalSeconds:0.###} s and is given up");
        _tell($"{reason}: pages that are missing cannot be had any more");
        _client?.GiveUp(reason);
    }

    private async Task WatchAsync(Task ended)
    {
        try
        {
            await ended;
        }
        catch (IOException exception)
        {
            _tell($"{_address}: {exception.Message}");
        }
    }
}
