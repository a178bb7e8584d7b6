namespace Uffd.Paging;

/// <summary>What a source knows of its bytes, in pages of the memory that they belong to.</summary>
internal static class SourceRuns
{
    private const int MostRunsOfAPage = 4096; // a source that answers in ever smaller runs holds up nobody

    /// <summary>
    /// The run of one kind at a page. Where the source's first run is shorter than the page, the run is that page alone: poisoned if
    /// any of it is, else data, for it has both.
    /// </summary>
    public static SourceRun GetWholePages(RegionSlice slice, long page, int count)
    {
        ulong offset = slice.SourceOffsetOf(page);
        SourceRun run = slice.Source.GetRun(offset, (ulong)count << slice.PageShift);
        return run.Length >= slice.PageSize ? run
            : new SourceRun(slice.PageSize, IsPoisoned(slice, offset, run) ? SourceRunKind.Poisoned : SourceRunKind.Data);
    }

    private static bool IsPoisoned(RegionSlice slice, ulong offset, SourceRun run)
    {
        ulong done = run.Length;
        for (int runs = 1; runs < MostRunsOfAPage && run is { Length: > 0, Kind: not SourceRunKind.Poisoned }; runs++)
        {
            if (done >= slice.PageSize || offset + done >= slice.Source.Length)
            {
                return false;
            }

            run = slice.Source.GetRun(offset + done, slice.PageSize - done);
            done += Math.Min(run.Length, slice.PageSize);
        }

        return run.Kind == SourceRunKind.Poisoned;
    }
}
