using Uffd.Tool.OutOfCore;

namespace Uffd.Tool.Output;

/// <summary>The object that <c>uffd demo outofcore --json</c> prints. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record OutOfCoreJson(
    bool Verified,
    double Seconds,
    double MmapSeconds,
    double? Ratio,
    double HitRate,
    ulong ResidentBytes,
    ulong DirtyBytes,
    ulong LimitBytes,
    long FileBytes,
    long Reads,
    long Writes,
    long Misses,
    ulong StoreReadBytes,
    ulong StoreWrittenBytes,
    bool MmapLimited,
    bool Direct)
{
    /// <summary>Puts a result into this shape.</summary>
    public static OutOfCoreJson From(OutOfCoreResult found) => new(
        found.Verified,
        Math.Round(found.Seconds, 3),
        Math.Round(found.Mapped.Seconds, 3),
        found.Ratio is { } ratio ? Math.Round(ratio, 3) : null,
        Math.Round(found.HitRate, 4),
        found.Region.ResidentBytes,
        found.Region.DirtyBytes,
        found.Region.MemoryLimit,
        found.FileBytes,
        found.Reads,
        found.Writes,
        found.Region.Misses,
        found.Region.ReadBytes,
        found.Region.WrittenBytes,
        found.Mapped.IsLimited,
        found.IsDirect);
}
