using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Uffd.Paging.Tests.Metering;

/// <summary>What the meter "Uffd.Paging" tells of real faults. It is the whole process's: other tests count too, so values are at least so much.</summary>
public sealed class MeterTests
{
    private const ulong Pages = 64;

    /// <summary>A fault for each page.</summary>
    private static readonly AddressSpaceOptions Alone = new() { BackgroundFill = false, ReadAheadBytes = 0 };

    [Fact]
    public async Task Every_fault_and_page_is_told_and_nothing_goes_back_when_a_space_ends()
    {
        using var heard = new Heard();
        Dictionary<string, double> before = heard.Look();
        using var source = MemoryPageSource.FromBytes(Pattern.Bytes(Pages * Served.Page, salt: 9));
        Dictionary<string, double> during;
        AddressSpaceStatistics statistics;
        await using (Served served = await Served.StartAsync(Pages * Served.Page, source, new Setup { Options = Alone }))
        {
            Assert.Equal(Pattern.Hash(Pages * Served.Page, salt: 9), await served.HashAsync(0, Pages * Served.Page));
            await UntilCountedAsync(served);
            statistics = served.Statistics;
            during = await heard.LookUntilAsync(now => now["uffd.faults kind=missing"] - before["uffd.faults kind=missing"] >= Pages);
            Assert.True(during["uffd.pages.filled by=demand"] - before["uffd.pages.filled by=demand"] >= Pages);
            Assert.True(during["uffd.copied"] - before["uffd.copied"] >= Pages * Served.Page * 0.9);
            Assert.True(during["uffd.resident"] >= Pages * Served.Page);
            Assert.True(during["uffd.spaces"] >= 1);
        }

        Assert.Equal((long)Pages, statistics.MissingFaults);
        Assert.Equal((long)Pages, statistics.FillLatency.Count);
        Assert.Equal((long)(Pages * Served.Page), statistics.ResidentBytes);
        Assert.Equal((long)(Pages * Served.Page), statistics.TotalBytes);
        Assert.InRange(statistics.FillLatency.Percentile(0.5), 500, 1e9);
        await Task.Delay(20, TestContext.Current.CancellationToken); // older than what is kept for one collection
        Dictionary<string, double> after = heard.Look();
        foreach ((string name, double value) in during.Where(one => !IsOfNow(one.Key)))
        {
            Assert.True(after[name] >= value, $"{name} went back from {value} to {after[name]}");
        }

        Assert.True(heard.Seconds.Count(one => string.Equals(one.Name, "uffd.fill.duration", StringComparison.Ordinal)) >= (int)Pages);
        Assert.All(heard.Seconds, one => Assert.InRange(one.Value, 1e-7, 100));
    }

    [Fact]
    public async Task Reads_of_a_source_are_timed()
    {
        using var source = new DelayedSource(new ReadSource(Pattern.Bytes(Pages * Served.Page, salt: 9)), concurrency: 0, TimeSpan.FromMilliseconds(5));
        await using Served served = await Served.StartAsync(Pages * Served.Page, source);
        await served.HashAsync(0, Served.Page);
        await Served.UntilAsync(() => served.Statistics.FillLatency.Count == 1, "the fill to be counted");
        LatencyHistogram latency = served.Statistics.SourceLatency;
        Assert.Equal(1, latency.Count);
        Assert.InRange(latency.Percentile(0.5), 4.6e6, 1e10);
        Assert.InRange(served.Statistics.FillLatency.Percentile(0.5), 4.6e6, 1e10); // the page waits for its source
    }

    [Fact]
    public async Task Discarded_memory_is_resident_no_longer()
    {
        using var source = MemoryPageSource.FromBytes(Pattern.Bytes(Pages * Served.Page, salt: 9));
        await using Served served = await Served.StartAsync(Pages * Served.Page, source, new Setup { Features = UffdFeatures.EventRemove });
        await served.HashAsync(0, Pages * Served.Page);
        await served.ResidentAsync();
        Assert.Equal((long)(Pages * Served.Page), served.Statistics.ResidentBytes);
        for (int round = 0; round < 3; round++)
        {
            await served.Target.RunAsync($"dontneed 0 {8 * Served.Page}");
            await served.HashAsync(0, Pages * Served.Page);
            await Served.UntilAsync(() => served.Statistics.ResidentBytes == (long)((Pages - 8) * Served.Page), $"8 pages less, not {served.Statistics.ResidentBytes}");
        }
    }

    [Fact]
    public async Task Totals_of_a_pager_keep_what_ended()
    {
        using var source = MemoryPageSource.FromBytes(Pattern.Bytes(Pages * Served.Page, salt: 9));
        using var pager = new Pager();
        for (int round = 1; round <= 3; round++)
        {
            await using (Served served = await Served.StartAsync(Pages * Served.Page, source, new Setup { SharedPager = pager, Options = Alone }))
            {
                await served.HashAsync(0, Pages * Served.Page);
                await UntilCountedAsync(served);
                Assert.Equal((long)Pages, pager.GetStatistics().TotalPages);
                Assert.Equal((long)(Pages * Served.Page), pager.GetStatistics().ResidentBytes);
            }

            AddressSpaceStatistics sum = pager.GetStatistics();
            Assert.Equal((long)Pages * round, sum.DemandPages);
            Assert.Equal((long)Pages * round, sum.FillLatency.Count);
            Assert.Equal((0, 0, 0), (sum.ResidentBytes, sum.TotalPages, sum.PendingPages));
        }
    }

    /// <summary>A fault is counted after its page is there.</summary>
    private static Task UntilCountedAsync(Served served)
        => Served.UntilAsync(() => served.Statistics is { FillLatency.Count: (long)Pages, MissingFaults: (long)Pages }, "every fault to be counted");

    private static bool IsOfNow(string name) => name is "uffd.resident" or "uffd.pages.pending" or "uffd.spaces";

    private sealed class Heard : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly ConcurrentDictionary<string, double> _values = new(StringComparer.Ordinal);

        public Heard()
        {
            new Pager().Dispose(); // the instruments come with the first
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (string.Equals(instrument.Meter.Name, "Uffd.Paging", StringComparison.Ordinal))
                {
                    Assert.False(string.IsNullOrEmpty(instrument.Unit));
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _)
                => _values[tags.IsEmpty ? instrument.Name : $"{instrument.Name} {tags[0].Key}={tags[0].Value}"] = value);
            _listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => Seconds.Enqueue((instrument.Name, value)));
            _listener.Start();
        }

        public ConcurrentQueue<(string Name, double Value)> Seconds { get; } = new();

        public Dictionary<string, double> Look()
        {
            _listener.RecordObservableInstruments();
            return new Dictionary<string, double>(_values, StringComparer.Ordinal);
        }

        public async Task<Dictionary<string, double>> LookUntilAsync(Func<Dictionary<string, double>, bool> wanted)
        {
            Dictionary<string, double> now = [];
            await Served.UntilAsync(() => wanted(now = Look()), "the meter to tell");
            return now;
        }

        public void Dispose() => _listener.Dispose();
    }
}
