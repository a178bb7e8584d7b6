namespace Uffd.Paging;

/// <summary>
/// How much to bring with a page: who goes on where a run has ended gets a run of twice the length. Several may read in order at once.
/// Used by the fault loop only.
/// </summary>
internal sealed class RawAhead(int mostPages)
{
    private const int Streams = 8;

    private readonly (long Next, int Run)[] _streams = new (long, int)[Streams];
    private int _oldest;
    private int _last;

    /// <summary>How many pages to bring, this one included.</summary>
    public int Plan(long page)
    {
        if (mostPages <= 1)
        {
            return 1;
        }

        for (_last = 0; _last < Streams; _last++)
        {
            if (_streams[_last] is { Run: > 0 } stream && stream.Next == page)
            {
                return Math.Min(stream.Run * 2, mostPages);
            }
        }

        _last = _oldest;
        _oldest = (_oldest + 1) % Streams;
        return 1;
    }

    /// <summary>How many pages came of the plan.</summary>
    public void Planned(long page, int pages) => _streams[_last] = (page + pages, pages);
}
