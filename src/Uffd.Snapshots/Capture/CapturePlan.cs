using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>The mappings of the process as they were seen last, and how each is copied.</summary>
/// <param name="processId">The process.</param>
/// <param name="policy">What is kept.</param>
/// <param name="maps">The process's mappings as text.</param>
internal sealed class CapturePlan(int processId, RegionPolicy policy, MapsSnapshot maps)
{
    private Dictionary<MappedRegion, RegionDetails> _details = [];
    private bool _isBlind; // some were decided about without what smaps tells: it is too slow for a stop

    /// <summary>The mappings, in order of address.</summary>
    public IReadOnlyList<CaptureRegion> Regions { get; private set; } = [];

    /// <summary>Those of the last look that were not there before, or not the same: also parts of one that was split.</summary>
    public IReadOnlyList<CaptureRegion> Fresh { get; private set; } = [];

    /// <summary>Looks at the process again while it runs.</summary>
    public void Refresh()
    {
        maps.Read();
        IReadOnlyList<MappedRegion> regions = maps.Parse().Regions;
        if (_isBlind || !regions.SequenceEqual(Regions.Select(region => region.Mapping)))
        {
            _details = RegionDetails.Read(processId).DistinctBy(details => details.Region).ToDictionary(details => details.Region);
            Take(regions);
            _isBlind = false;
        }
        else
        {
            Fresh = [];
        }
    }

    /// <summary>Looks at the process while it stands. Allocates nothing where the mappings are as they were.</summary>
    public void RefreshStanding()
    {
        if (!maps.ReadRaw())
        {
            Refresh(); // so many more that they did not fit
        }
        else if (!maps.SameAsBefore)
        {
            Take(maps.Parse().Regions);
            _isBlind = true;
        }
    }

    private void Take(IReadOnlyList<MappedRegion> regions)
    {
        var before = Regions.ToDictionary(region => region.Mapping);
        var fresh = new List<CaptureRegion>();
        var all = new List<CaptureRegion>(regions.Count);
        foreach (MappedRegion mapping in regions)
        {
            if (!before.TryGetValue(mapping, out CaptureRegion? region) || (region.IsBlind && _details.ContainsKey(mapping)))
            {
                region = policy.Decide(mapping, _details.GetValueOrDefault(mapping));
                fresh.Add(region);
            }

            all.Add(region);
        }

        Regions = all;
        Fresh = fresh;
    }
}
