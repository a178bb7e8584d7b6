using System.Reflection;

namespace Uffd.Paging.Tests.Metering;

/// <summary>No counter is forgotten on its way to who reads it.</summary>
public sealed class CounterTests
{
    [Fact]
    public void Every_counter_is_summed_up_and_told()
    {
        var counters = new SpaceCounters();
        FieldInfo[] fields = [.. typeof(SpaceCounters).GetFields().Where(field => field.FieldType == typeof(long))];
        Assert.NotEmpty(fields);
        for (int index = 0; index < fields.Length; index++)
        {
            fields[index].SetValue(counters, 1L + index);
        }

        counters.MeasureFill(System.Diagnostics.Stopwatch.GetTimestamp());
        counters.MeasureSource(System.Diagnostics.Stopwatch.GetTimestamp());
        counters.MeasureSource(System.Diagnostics.Stopwatch.GetTimestamp());
        var sum = new SpaceCounters();
        counters.AddTo(sum);
        counters.AddTo(sum);
        AddressSpaceStatistics told = sum.Snapshot(1, 2, 3);
        for (int index = 0; index < fields.Length; index++)
        {
            PropertyInfo? property = typeof(AddressSpaceStatistics).GetProperty(fields[index].Name);
            Assert.True(property is not null, fields[index].Name);
            Assert.Equal(2L * (1 + index), property.GetValue(told));
        }

        Assert.Equal((2, 4), (told.FillLatency.Count, told.SourceLatency.Count));
        Assert.Equal((1, 2, 3), (told.PendingPages, told.TotalPages, told.TotalBytes));
    }
}
