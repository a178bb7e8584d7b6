using Uffd.Snapshots;

namespace Uffd.Tool.Output;

/// <summary>The object that <c>uffd snapshot --json</c> prints. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record SnapshotJson(
    int Pid,
    string File,
    string Format,
    double AttachPauseMs,
    double FinalPauseMs,
    double ThrottlePauseMs,
    int Rounds,
    long Pages,
    long Bytes,
    double Seconds,
    long FileBytes,
    int Threads,
    IReadOnlyList<long> RoundPages,
    IReadOnlyList<double> RoundSeconds,
    IReadOnlyList<string> Warnings)
{
    /// <summary>Puts a report into this shape.</summary>
    public static SnapshotJson From(SnapshotReport report, int processId, string path, string format) => new(
        processId,
        path,
        format,
        Math.Round(report.AttachPause.TotalMilliseconds, 4),
        Math.Round(report.FinalPause.TotalMilliseconds, 4),
        Math.Round(report.LongestThrottlePause.TotalMilliseconds, 4),
        report.Rounds.Count,
        report.Pages,
        report.CopiedBytes,
        Math.Round(report.Duration.TotalSeconds, 6),
        report.FileBytes,
        report.Threads,
        [.. report.Rounds.Select(round => round.Pages)],
        [.. report.Rounds.Select(round => Math.Round(round.Duration.TotalSeconds, 6))],
        report.Warnings);
}
