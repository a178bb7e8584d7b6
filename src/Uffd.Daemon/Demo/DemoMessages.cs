using System.Text.Json;
using System.Text.Json.Serialization;

namespace Uffd.Daemon.Demo;

/// <summary>A line that the demo's worker process prints.</summary>
/// <param name="Touched">Pages touched and verified so far.</param>
/// <param name="Done">The result, in the last line.</param>
/// <param name="Error">Why it cannot go on, in the last line.</param>
internal sealed record DemoWorkerLine(long Touched, DemoWorkerResult? Done = null, string? Error = null);

/// <summary>What the worker found.</summary>
/// <param name="FirstAccessMs">From before it mapped its memory until it had read the first page.</param>
/// <param name="WrongPages">Pages whose checksum was not the image's.</param>
/// <param name="Sha256">Of the memory, as long as the image.</param>
/// <param name="TouchNanoseconds">Counts of all touches by duration: <see cref="Paging.LatencyHistogram"/>.</param>
internal sealed record DemoWorkerResult(double FirstAccessMs, long WrongPages, string Sha256, IReadOnlyList<long> TouchNanoseconds);

/// <summary>JSON without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(DemoWorkerLine))]
internal sealed partial class DemoJson : JsonSerializerContext
{
    public static string Write(DemoWorkerLine line) => JsonSerializer.Serialize(line, Default.DemoWorkerLine);

    public static DemoWorkerLine? Read(string line) => JsonSerializer.Deserialize(line, Default.DemoWorkerLine);
}
