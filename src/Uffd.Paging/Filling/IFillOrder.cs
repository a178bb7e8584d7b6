namespace Uffd.Paging;

/// <summary>What a fill that nobody waits for brings, and in which order. Used by one thread.</summary>
internal interface IFillOrder
{
    /// <summary>Why these pages are brought.</summary>
    FillKind Kind { get; }

    /// <summary>Finds the next run that is worth bringing and claims it.</summary>
    /// <param name="most">How many bytes at most; one page at least.</param>
    /// <param name="run">The run.</param>
    /// <returns>False when there is nothing more in this pass.</returns>
    bool TryTake(ulong most, out ClaimedRun run);

    /// <summary>A page could not be brought: it is left out for the rest of this pass.</summary>
    void Skip(long page);

    /// <summary>Begins another pass over what is still missing.</summary>
    /// <returns>False when one pass is all there is.</returns>
    bool TryStartPass();
}

/// <summary>Pages that were claimed by who holds this.</summary>
/// <param name="Slice">Their region.</param>
/// <param name="Page">The first.</param>
/// <param name="Count">How many.</param>
internal readonly record struct ClaimedRun(RegionSlice Slice, long Page, int Count);
