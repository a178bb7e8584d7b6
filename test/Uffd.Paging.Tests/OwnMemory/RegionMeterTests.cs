using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Uffd.Paging.Tests.OwnMemory;

/// <summary>What the meter tells of regions. It is the whole process's: other tests count too, so values are at least so much.</summary>
public sealed class RegionMeterTests
{
    private const int Length = 4 << 20;

    [Fact]
    public void What_a_region_did_is_told_and_stays_told_when_it_ends()
    {
        var values = new ConcurrentDictionary<string, double>(StringComparer.Ordinal);
        var operations = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (string.Equals(instrument.Meter.Name, Pager.MeterName, StringComparison.Ordinal))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => values[instrument.Name] = value);
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) =>
        {
            if (string.Equals(instrument.Name, "uffd.store.duration", StringComparison.Ordinal))
            {
                operations.AddOrUpdate((string)tags[0].Value!, 1, static (_, count) => count + 1);
            }
        });
        listener.Start();
        Dictionary<string, double> during;
        using (PagedRegion region = PagedRegion.Create(new ArrayStore(Length), new PagedRegionOptions { MemoryLimit = Length / 4 }))
        {
            for (long offset = 0; offset < region.Length; offset += Environment.SystemPageSize)
            {
                region.Memory.Write(offset, offset);
            }

            region.Flush();
            listener.RecordObservableInstruments();
            during = new Dictionary<string, double>(values, StringComparer.Ordinal);
        }

        Assert.True(during["uffd.regions"] >= 1);
        Assert.InRange(during["uffd.region.resident"], 1, double.MaxValue);
        Assert.InRange(during["uffd.region.misses"], 1, double.MaxValue);
        Assert.InRange(during["uffd.region.read"], Length, double.MaxValue);
        Assert.InRange(during["uffd.region.evicted"], Length / 2, double.MaxValue);
        Assert.InRange(during["uffd.region.written"], Length, double.MaxValue);
        Assert.Equal("flush read write", string.Join(" ", operations.Keys.Order(StringComparer.Ordinal)));
        listener.RecordObservableInstruments();
        Assert.All(during.Where(one => one.Key is not ("uffd.regions" or "uffd.region.resident") && one.Key.StartsWith("uffd.region", StringComparison.Ordinal)), one =>
            Assert.True(values[one.Key] >= one.Value, $"{one.Key} went back"));
    }
}
