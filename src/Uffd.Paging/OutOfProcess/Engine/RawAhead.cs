namespace Uffd.Paging;

/// <summary>
/// How much to bring with a page: who goes on where a run has ended, upwards or downwards, gets a run of twice the length. (The C library
/// copies long ranges downwards at times.) Several may go in order at once. Used by the fault loop only.
/// </summary>
internal sealed class RawAhead(int mostPages)
{
    private const int Streams = 8;

    private readonly Stream[] _streams = new Stream[Streams];
    private int _oldest;
    private int _last;

    /// <summary>How many pages to bring, this one included: those behind it, or where negative those before it.</summary>
    public int Plan(long page)
    {
        if (mostPages <= 1)
        {
            return 1;
        }

        for (_last = 0; _last < Streams; _last++)
        {
            if (_streams[_last] is { Count: > 0 } stream && (stream.Above == page || stream.Below == page))
            {
                int run = Math.Min(stream.Count * 2, mostPages);
                return stream.Above == page ? run : -run;
            }
        }

        _last = _oldest;
        _oldest = (_oldest + 1) % Streams;
        return 1;
    }

    /// <summary>What came of the plan.</summary>
    public void Planned(RawFill fill) => _streams[_last] = new Stream(
        fill.Count == 1 || fill.Wanted == fill.First ? fill.End : -1,
        fill.Count == 1 || fill.Wanted != fill.First ? fill.First - 1 : -1,
        fill.Count);

    /// <summary>A run, and the pages that would go on with it; below 0 for none.</summary>
    private readonly record struct Stream(long Above, long Below, int Count);
}
