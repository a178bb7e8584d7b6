namespace Uffd.Paging.Tests.Metering;

public sealed class LatencyHistogramTests
{
    [Fact]
    public void Percentiles_are_right_to_a_sixteenth()
    {
        var histogram = new LatencyHistogram();
        for (int microseconds = 1; microseconds <= 1000; microseconds++)
        {
            histogram.Add(microseconds * 1000L);
        }

        Assert.Equal(1000, histogram.Count);
        Assert.InRange(histogram.Percentile(0.5), 465_000, 535_000);
        Assert.InRange(histogram.Percentile(0.99), 925_000, 1_055_000);
        Assert.InRange(histogram.Percentile(0), 935, 1065);
        Assert.InRange(histogram.Percentile(1), 935_000, 1_065_000);
        LatencyHistogram slowest = histogram.Slowest(10);
        Assert.Equal(10, slowest.Count);
        Assert.InRange(slowest.Percentile(0.01), 900_000, 1_100_000);
        Assert.Equal(1000, histogram.Slowest(5000).Count);
    }

    [Fact]
    public void Histogram_survives_odd_durations_and_counts()
    {
        var histogram = new LatencyHistogram();
        foreach (long odd in (long[])[long.MinValue, -1, 0, 1, long.MaxValue])
        {
            histogram.Add(odd);
        }

        Assert.Equal(5, histogram.Count);
        Assert.Equal(histogram.ToCounts(), new LatencyHistogram(histogram.ToCounts()).ToCounts());
        Assert.Equal(3, new LatencyHistogram([-5, 3, .. Enumerable.Repeat(0L, 1000), 7]).Count); // negative, and behind the last bucket
        Assert.Equal(0, new LatencyHistogram().Percentile(0.5));
        Assert.Empty(new LatencyHistogram().ToDoublings());
        Assert.Empty(new LatencyHistogram().ToCounts());
        Assert.Equal(0, new LatencyHistogram().Slowest(3).Count);
    }

    [Fact]
    public void Doublings_hold_every_count_and_no_empty_ends()
    {
        var histogram = new LatencyHistogram();
        histogram.Add(5); // 4 to 8
        histogram.Add(6);
        histogram.Add(40); // 32 to 64
        IReadOnlyList<(double UpToNanoseconds, long Count)> bars = histogram.ToDoublings();
        Assert.Equal([(8.0, 2L), (16.0, 0L), (32.0, 0L), (64.0, 1L)], bars);
    }

    [Fact]
    public void Each_duration_falls_into_a_bucket_that_is_at_most_an_eighth_wide()
    {
        for (long nanoseconds = 1; nanoseconds < 1L << 41; nanoseconds += 1 + (nanoseconds / 37))
        {
            var histogram = new LatencyHistogram();
            histogram.Add(nanoseconds);
            long counted = Math.Min(nanoseconds, (1L << 40) - 1);
            Assert.InRange(histogram.Percentile(0.5), counted * 0.937, counted * 1.067 + 0.5);
        }
    }

    [Fact]
    public void Threads_that_add_at_once_lose_nothing()
    {
        var histogram = new LatencyHistogram();
        Parallel.For(0, 4, thread =>
        {
            for (int count = 0; count < 50_000; count++)
            {
                histogram.Add(1000 + (thread * 10));
            }
        });
        Assert.Equal(200_000, histogram.Count);
    }

    [Fact]
    public void Snapshot_stays_and_the_rest_is_what_came_since()
    {
        var histogram = new LatencyHistogram();
        histogram.Add(100);
        LatencyHistogram then = histogram.Snapshot();
        histogram.Add(100_000);
        Assert.Equal(1, then.Count);
        Assert.InRange(histogram.Since(then).Percentile(0.5), 90_000, 110_000);
        Assert.Equal(2, histogram.Since(null).Count);
        Assert.Equal(0, then.Since(histogram).Count); // another one's: nothing below zero
    }
}
