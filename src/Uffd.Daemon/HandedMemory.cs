using System.Globalization;
using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>What a complete handshake becomes: memory that the pager serves, or a line that says why not.</summary>
internal sealed class HandedMemory(PagerDaemonOptions options, Pager pager, ClientReports reports)
{
    /// <summary>
    /// Regions may show the image several times over, and need a byte of state for each page: what a client may claim beyond
    /// the image's own size is bounded, so that it cannot claim all of this process's time and memory.
    /// </summary>
    private const ulong MaxBytes = 16UL << 30;

    /// <summary>Why no further client is taken in.</summary>
    public string TooManyClients => string.Create(CultureInfo.InvariantCulture, $"there are {options.MaxClients} clients already (--max-clients)");

    /// <summary>Serves it.</summary>
    /// <returns>One line that says why it cannot be served, or null. Its userfaultfd is then kept by the connection.</returns>
    public string? Attach(ClientConnection connection, HandshakeMessage message)
    {
        Userfaultfd? userfaultfd = connection.TakeUserfaultfd(message.Descriptors, out string? fault);
        if (userfaultfd is null)
        {
            return fault;
        }

        ProcessHandle? process = null;
        try
        {
            List<AddressSpaceRegion> regions = ToRegions(message.Regions, out fault);
            fault ??= AddressSpaceRegion.Validate(regions);
            fault ??= pager.AddressSpaces.Count >= options.MaxClients ? TooManyClients : null;
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

        connection.Hold(userfaultfd);
        process?.Dispose();
        return fault;
    }

    private void Serve(ClientConnection connection, Userfaultfd userfaultfd, List<AddressSpaceRegion> regions, ProcessHandle process)
    {
        AddressSpace space = pager.Attach(userfaultfd, regions, new AddressSpaceOptions
        {
            Name = connection.ToString(),
            BackgroundFill = false, // started below, after the client is told of
            FailurePolicy = options.FailurePolicy,
            TargetProcess = process,
            Spin = options.Spin,
        });
        connection.HasAttached = true;
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
            regions.Add(new AddressSpaceRegion(new AddressRange(description.Address, description.Size), options.Image, description.Offset, description.PageSize));
        }

        return regions;
    }
}
