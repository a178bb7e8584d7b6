namespace Uffd.Paging;

/// <summary>What to bring ahead of an access.</summary>
/// <param name="First">The first page.</param>
/// <param name="Count">How many; 0 for nothing.</param>
internal readonly record struct AheadRun(long First, int Count);

/// <summary>
/// Knows accesses that go through memory in order, by the pages they miss and by the markers they reach, and says what to bring ahead of
/// them: twice as much each time, up to a bound, and from then on so much that a whole window is under way or there. Several at once, so that
/// threads that go through different parts do not hide each other.
/// </summary>
internal sealed class AheadStreams(int maxPages, long pageCount)
{
    private const int StreamCount = 16;
    private const int FirstPages = 8;

    private readonly Lock _gate = new();
    private readonly Stream[] _streams = [.. Enumerable.Range(0, StreamCount).Select(_ => new Stream())];
    private long _clock;

    /// <summary>A page was missed.</summary>
    /// <param name="page">Which.</param>
    /// <param name="count">How many are needed at once: at least 1.</param>
    /// <param name="ahead">What to bring besides, by somebody else.</param>
    /// <returns>How many pages to bring now, the missed one and those needed included.</returns>
    public int Miss(long page, int count, out AheadRun ahead)
    {
        ahead = default;
        if (maxPages == 0)
        {
            return count;
        }

        lock (_gate)
        {
            Stream stream = Find(page, out bool isNew);
            stream.Used = ++_clock;
            if (isNew)
            {
                stream.Next = page + count;
                stream.AheadEnd = page + count;
                stream.Window = 0;
                return count;
            }

            // The second miss in a row brings a little more itself, and has the rest brought.
            stream.Window = Math.Min(maxPages, Math.Max(FirstPages, stream.Window * 2));
            int now = (int)Math.Min(Math.Max(count, Math.Min(stream.Window, 4 * FirstPages)), pageCount - page);
            stream.Next = page + now;
            stream.AheadEnd = page + now;
            ahead = More(stream, page + now);
            return now;
        }
    }

    /// <summary>A page that had been marked was reached.</summary>
    public AheadRun Reached(long page)
    {
        lock (_gate)
        {
            foreach (Stream stream in _streams)
            {
                if (stream.Window > 0 && page >= stream.Next - (4L * maxPages) && page < stream.AheadEnd)
                {
                    stream.Used = ++_clock;
                    stream.Window = Math.Min(maxPages, stream.Window * 2);
                    return More(stream, page);
                }
            }
        }

        return default;
    }

    /// <summary>So much that a whole window is under way or there, ahead of where the accesses are: it slides with them, in pieces.</summary>
    private AheadRun More(Stream stream, long reached)
    {
        int count = (int)(Math.Min(reached + stream.Window, pageCount) - stream.AheadEnd);
        if (count <= 0)
        {
            return default;
        }

        var run = new AheadRun(stream.AheadEnd, count);
        stream.AheadEnd += count;
        stream.Next = stream.AheadEnd; // where the next miss of this stream would be
        return run;
    }

    private Stream Find(long page, out bool isNew)
    {
        Stream oldest = _streams[0];
        foreach (Stream stream in _streams)
        {
            // Who is stopped in the middle of what was asked for (dropped for want of room) is still the same stream.
            if (page >= stream.Next - Math.Max(1, stream.Window) && page <= stream.Next + 1 && stream.Used > 0)
            {
                isNew = page != stream.Next && stream.Window == 0;
                return stream;
            }

            if (stream.Used < oldest.Used)
            {
                oldest = stream;
            }
        }

        isNew = true;
        return oldest;
    }

    private sealed class Stream
    {
        public long Next;
        public long AheadEnd;
        public int Window;
        public long Used;
    }
}
