using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>All regions at the source.</summary>
internal sealed class SourceRegions
{
    private readonly List<SourceRange> _written = [];
    private bool _isTracking;

    public SourceRegions(IReadOnlyList<IMigrationMemory> memory, IReadOnlyList<string>? names, IReadOnlyList<MigrationBase?>? bases)
    {
        All = [.. memory.Select((each, index) => new SourceRegion(index, names?[index] ?? $"region {index}", each, bases?[index]))];
        PageCounts = [.. All.Select(region => region.PageCount)];
        TotalBytes = All.Aggregate(0UL, (sum, region) => sum + region.Memory.Length);
    }

    public SourceRegion[] All { get; }

    public ulong[] PageCounts { get; }

    public ulong TotalBytes { get; }

    public ulong PendingBytes => All.Aggregate(0UL, (sum, region) => sum + region.Pending.Count) << WirePage.Shift;

    public ulong UnacknowledgedBytes => All.Aggregate(0UL, (sum, region) => sum + region.Unacknowledged.Count) << WirePage.Shift;

    /// <summary>From now on writes are followed, and everything that has content is to be sent.</summary>
    public void Start()
    {
        _isTracking = true;
        foreach (SourceRegion region in All)
        {
            region.Memory.StartTracking();
        }

        foreach (SourceRegion region in All)
        {
            region.FindContent();
        }
    }

    /// <summary>What was written is to be sent again.</summary>
    public void TakeWritten()
    {
        foreach (SourceRegion region in All)
        {
            _written.Clear();
            region.Memory.TakeWritten(_written);
            region.Wrote(_written);
        }
    }

    /// <summary>Ends the following of writes. Once.</summary>
    public void Stop()
    {
        if (_isTracking)
        {
            _isTracking = false;
            Array.ForEach(All, region => region.Memory.StopTracking());
        }
    }

    /// <summary>The connection is lost, and perhaps what it carried: it is sent again.</summary>
    public void SendAgain()
    {
        foreach (SourceRegion region in All)
        {
            region.Pending.AddAll(region.Unacknowledged);
            region.Unacknowledged.Clear();
        }
    }

    /// <summary>Everything that was sent has arrived.</summary>
    public void Acknowledge() => Array.ForEach(All, region => region.Unacknowledged.Clear());

    public HelloMessage Describe(Guid session, WireCapabilities capabilities) => new(
        HelloMessage.CurrentVersion,
        capabilities,
        session,
        [.. All.Select(region => new HelloRegion(region.Name, region.Memory.Length, region.Base?.Name ?? ""))]);
}
