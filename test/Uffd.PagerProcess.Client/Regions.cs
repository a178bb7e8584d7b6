using Uffd.Paging;

namespace Uffd.PagerProcess.Client;

/// <summary>The regions of this process.</summary>
public static class Regions
{
    /// <summary>A store that this assembly has.</summary>
    public static StoreDescription Describe(string argument)
        => StoreDescription.Custom(Path.Combine(AppContext.BaseDirectory, "Uffd.PagerProcess.Client.dll"), typeof(TestStoreFactory).FullName!, argument);

    internal static RawPagedRegion Start(string argument, long limit, FaultFailurePolicy policy = FaultFailurePolicy.Poison)
        => RawPagedRegion.Start(Describe(argument), new RawRegionOptions { MemoryLimit = (ulong)limit, OnReadFailure = policy, OnPagerDeath = policy });
}
