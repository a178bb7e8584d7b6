using System.Collections.Concurrent;
using System.Globalization;
using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>What a complete handshake becomes: memory that the pager serves, or a line that says why not.</summary>
internal sealed class HandedMemory(PagerDaemonOptions options, Pager pager, ClientReports reports, ImageSharing sharing, WorkingSetRecording? recording)
{
    /// <summary>
    /// Regions may show the image several times over, and need a byte of state for each page: what a client may claim beyond
    /// the image's own size is bounded, so that it cannot claim all of this process's time and memory.
    /// </summary>
    private const ulong MaxBytes = 16UL << 30;

    // Added to by the connections' thread; looked at and taken from by others.
    private readonly ConcurrentDictionary<AddressSpace, Registration> _served = new(ReferenceEqualityComparer.Instance);

    /// <summary>Serves it.</summary>
    /// <returns>One line that says why it cannot be served, or null. Its userfaultfd is then kept by the connection.</returns>
    public string? Attach(ClientConnection connection, HandshakeMessage message)
    {
        Userfaultfd? userfaultfd = connection.Held.TakeUserfaultfd(message.Descriptors, out string? fault);
        if (userfaultfd is null)
        {
            return fault;
        }

        ProcessHandle? process = null;
        try
        {
            List<AddressSpaceRegion> regions = ToRegions(message.Regions, out fault);
            fault ??= AddressSpaceRegion.Validate(regions);
            fault ??= pager.AddressSpaces.Count >= options.MaxClients ? ClientRoom.TooManyClients(options) : null;
            if (fault is null && (process = connection.Channel.OpenPeerProcess()) is null)
            {
                fault = "its process has ended";
            }

            if (fault is null)
            {
                Serve(connection, userfaultfd, regions, process!);
                return null;
            }
        }
        catch (UffdException exception)
        {
            fault = exception.Message;
        }

        connection.Held.Keep(userfaultfd);
        process?.Dispose();
        return fault;
    }

    /// <summary>
    /// Before the pager stops: poisons what clients have registered and not told of. The pager settles what it knows, and the
    /// rest would turn into zeros.
    /// </summary>
    public void PoisonUntold() => Parallel.ForEach(_served.Values, registration =>
    {
        try
        {
            registration.PoisonUntold();
        }
        catch (ObjectDisposedException)
        {
            // It has ended meanwhile.
        }
    });

    private void Serve(ClientConnection connection, Userfaultfd userfaultfd, List<AddressSpaceRegion> regions, ProcessHandle process)
    {
        var served = new AddressSpaceOptions
        {
            Name = connection.ToString(),
            BackgroundFill = false, // started below, after the client is told of
            FailurePolicy = options.FailurePolicy,
            TargetProcess = process,
            Spin = options.Spin,
            Cpus = options.Cpus,
            Replay = options.Replay,
            BackgroundBytesPerSecond = options.BackgroundBytesPerSecond,
        };
        served = options.ReadAheadBytes is { } most ? served with { ReadAheadBytes = most } : served;
        served = options.ImageTimeout is { } patience ? served with { SourceTimeout = patience } : served;
        if (recording is not null)
        {
            served = served with { Recorder = recording.Recorder, ReadAheadBytes = 0 }; // what comes before it is touched is not seen
        }

        AddressSpace space = pager.Attach(userfaultfd, regions, served);
        connection.HasAttached = true;
        _served[space] = new Registration(userfaultfd, connection.Peer.ProcessId, [.. regions.Select(region => region.Range).OrderBy(range => range.Start)]);
        _ = space.Ended.ContinueWith(_ => _served.TryRemove(space, out Registration? _), TaskScheduler.Default);
        recording?.Watch(space);
        reports.Attached(space, connection.Peer.ProcessId, regions.Count);
        if (options.BackgroundFill)
        {
            space.StartBackgroundFill();
        }
    }

    private List<AddressSpaceRegion> ToRegions(IReadOnlyList<RegionDescription> descriptions, out string? fault)
    {
        fault = null;
        ulong most = Math.Max(MaxBytes, options.Image.Length);
        ulong rest = most;
        var regions = new List<AddressSpaceRegion>(descriptions.Count);
        foreach (RegionDescription description in descriptions)
        {
            if (description.Size > ulong.MaxValue - description.Address || description.Size > ulong.MaxValue - description.Offset)
            {
                fault = string.Create(CultureInfo.InvariantCulture, $"the region at {description.Address:x} with size {description.Size} and offset {description.Offset} wraps around");
                return [];
            }

            if (description.Size > rest)
            {
                fault = $"the regions are together larger than {Sizes.Format(most)}";
                return [];
            }

            rest -= description.Size;
            var region = new AddressSpaceRegion(new AddressRange(description.Address, description.Size), options.Image, description.Offset, description.PageSize);
            if (description.Shared && sharing.Offered is null)
            {
                fault = string.Create(CultureInfo.InvariantCulture, $"the region at {description.Address:x} is said to be shared, but nobody has asked for the image");
                return [];
            }

            regions.Add(description.Shared ? region with { Shared = sharing.Offered } : region);
        }

        return regions;
    }

    private sealed record Registration(Userfaultfd Userfaultfd, int ProcessId, AddressRange[] Told)
    {
        public void PoisonUntold()
        {
            if (!RegisteredRanges.TryRead(ProcessId, out IReadOnlyList<RegisteredRange> registered))
            {
                return;
            }

            foreach (RegisteredRange range in registered.SelectMany(range => range.Without(Told)))
            {
                range.Poison(Userfaultfd, readsEvents: false);
            }
        }
    }
}
