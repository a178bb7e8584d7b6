namespace Uffd.Paging;

/// <summary>What becomes of what was written and not saved when a region ends.</summary>
public enum RegionDisposal
{
    /// <summary>It is saved.</summary>
    Flush,

    /// <summary>It is dropped: the store keeps what it has.</summary>
    Discard,
}
