using System.Text.Json;
using System.Text.Json.Serialization;
using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>A status as it goes over the socket: camelCase names, which a test pins, for they are what others read.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, Converters = [typeof(LatencyJson)])]
[JsonSerializable(typeof(DaemonStatus))]
internal sealed partial class StatusJson : JsonSerializerContext;

/// <summary>
/// A histogram as its percentiles for people, and its counts for who wants the difference of two samples: eighths of powers of two
/// of nanoseconds, without the empty ones before <c>first</c> and behind the last.
/// </summary>
internal sealed class LatencyJson : JsonConverter<LatencyHistogram>
{
    private const double NanosecondsPerMicrosecond = 1000;

    public override LatencyHistogram Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        JsonElement histogram = document.RootElement;
        int first = histogram.TryGetProperty("first"u8, out JsonElement from) && from.TryGetInt32(out int number) ? Math.Clamp(number, 0, 1 << 10) : 0;
        return histogram.TryGetProperty("counts"u8, out JsonElement counts) && counts.ValueKind == JsonValueKind.Array
            ? new LatencyHistogram([.. Enumerable.Repeat(0L, first), .. counts.EnumerateArray().Select(count => count.GetInt64())])
            : new LatencyHistogram();
    }

    public override void Write(Utf8JsonWriter writer, LatencyHistogram value, JsonSerializerOptions options)
    {
        IReadOnlyList<long> counts = value.ToCounts();
        int first = counts.TakeWhile(count => count == 0).Count();
        writer.WriteStartObject();
        writer.WriteNumber("count"u8, value.Count);
        writer.WriteNumber("p50Us"u8, Microseconds(value, 0.5));
        writer.WriteNumber("p99Us"u8, Microseconds(value, 0.99));
        writer.WriteNumber("maxUs"u8, Microseconds(value, 1));
        writer.WriteNumber("first"u8, first);
        writer.WriteStartArray("counts"u8);
        foreach (long count in counts.Skip(first))
        {
            writer.WriteNumberValue(count);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static double Microseconds(LatencyHistogram value, double share) => Math.Round(value.Percentile(share) / NanosecondsPerMicrosecond, 2);
}
