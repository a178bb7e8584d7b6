namespace Uffd.Paging;

/// <summary>What the pager knows of one page.</summary>
internal enum PageState : byte
{
    /// <summary>To be filled from the source. Zero, so that an untouched map costs no memory.</summary>
    Missing = 0,

    /// <summary>Claimed: one thread is filling it.</summary>
    Filling,

    /// <summary>Claimed, and a fault waits for it: if the fill fails, the fault must be served anew.</summary>
    FillingWanted,

    /// <summary>A fault waits for it in the list of those that are tried again later.</summary>
    Parked,

    /// <summary>There.</summary>
    Present,

    /// <summary>Discarded by its process: zeros from now on, and never the source's bytes again.</summary>
    Removed,

    /// <summary>Poisoned, because its content could not be had.</summary>
    Poisoned,

    /// <summary>The kernel said that it is not registered. Settled, unless a fault says otherwise.</summary>
    Unregistered,

    /// <summary>Of a shared image's own map: zeros, for which it has no memory.</summary>
    Zeros,
}

/// <summary>What states have in common.</summary>
internal static class PageStates
{
    /// <summary>The states up to this one are of pages that are still to come.</summary>
    public const PageState LastUnsettled = PageState.Parked;

    /// <summary>Whether the page is still to come.</summary>
    public static bool IsUnsettled(this PageState state) => state <= LastUnsettled;
}
