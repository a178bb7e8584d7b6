using Uffd.Snapshots;

namespace Uffd.Tool.Output;

/// <summary>The object that <c>uffd track --json</c> prints: one sample. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record TrackJson(
    int Pid,
    double AttachPauseMs,
    double Seconds,
    ulong WrittenBytes,
    double WrittenBytesPerSecond,
    ulong ResidentBytes,
    IReadOnlyList<TrackMappingJson> Mappings)
{
    /// <summary>Puts a sample into this shape.</summary>
    public static TrackJson From(DirtySample sample, int processId, TimeSpan attachPause)
    {
        ulong written = TrackText.Written(sample);
        return new TrackJson(
            processId,
            Math.Round(attachPause.TotalMilliseconds, 4),
            Math.Round(sample.Interval.TotalSeconds, 6),
            written,
            Math.Round(written / Math.Max(1e-6, sample.Interval.TotalSeconds), 1),
            sample.Mappings.Aggregate(0UL, (sum, mapping) => sum + mapping.ResidentBytes),
            [.. sample.Mappings.Select(TrackMappingJson.From)]);
    }
}

internal sealed record TrackMappingJson(string Start, string End, ulong Bytes, string Permissions, string Name, ulong ResidentBytes, ulong WrittenBytes, int WrittenRuns)
{
    public static TrackMappingJson From(DirtyMapping mapping) => new(
        InspectJson.Hex(mapping.Mapping.Range.Start),
        InspectJson.Hex(mapping.Mapping.Range.End),
        mapping.Mapping.Range.Length,
        InspectText.Permissions(mapping.Mapping.Permissions),
        mapping.Mapping.Name,
        mapping.ResidentBytes,
        mapping.WrittenBytes,
        mapping.Written.Count);
}
