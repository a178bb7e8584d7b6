using System.Diagnostics;

namespace Uffd.OwnMemory.Hang;

/// <summary>Collects for a while, and tells how long each collection took: for who asked for it, and for all threads that it stopped.</summary>
internal sealed class PauseTimes
{
    private readonly List<double> _calls = [];
    private double _longestPause;

    /// <summary>Makes collections, one after the other with a little time between.</summary>
    public void Collect(TimeSpan time)
    {
        long end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        for (int turn = 0; Stopwatch.GetTimestamp() < end; turn++)
        {
            TimeSpan pausedBefore = GC.GetTotalPauseDuration();
            long before = Stopwatch.GetTimestamp();
            GC.Collect(turn % 8 == 7 ? 2 : 0, GCCollectionMode.Forced, blocking: true);
            _calls.Add(Stopwatch.GetElapsedTime(before).TotalMilliseconds);
            _longestPause = Math.Max(_longestPause, (GC.GetTotalPauseDuration() - pausedBefore).TotalMilliseconds);
            Thread.Sleep(2);
        }

        _calls.Sort();
    }

    /// <summary>In the words that the tests read.</summary>
    public override string ToString()
        => _calls.Count == 0
            ? "collections=0"
            : $"collections={_calls.Count} median-ms={_calls[_calls.Count / 2]:F2} longest-ms={_calls[^1]:F2} longest-pause-ms={_longestPause:F2}";
}
