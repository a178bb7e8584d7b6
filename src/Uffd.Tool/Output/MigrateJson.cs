using Uffd.Paging;
using Uffd.Tool.Migrate;

namespace Uffd.Tool.Output;

/// <summary>The object that <c>uffd demo migrate --json</c> prints. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record MigrateJson(
    bool Verified,
    double DowntimeMs,
    double TotalMs,
    long PostCopyFaults,
    long LostWrites,
    MigrateLatencyJson LatencyBeforeMs,
    MigrateLatencyJson LatencyDuringMs,
    MigrateLatencyJson LatencyAfterMs,
    string Mode,
    ulong StoreBytes,
    int Rounds,
    ulong MovedBytes,
    ulong WireBytes,
    long Requests,
    long Writes,
    int Resumes)
{
    /// <summary>Puts a result into this shape.</summary>
    public static MigrateJson From(MigrateResult found) => new(
        found.Verified,
        Math.Round(found.Summary.Downtime.TotalMilliseconds, 3),
        Math.Round(found.Total.TotalMilliseconds, 3),
        found.Faults,
        found.Load.LostWrites,
        MigrateLatencyJson.From(found.Load.Before),
        MigrateLatencyJson.From(found.Load.During),
        MigrateLatencyJson.From(found.Load.After),
        MigrateText.Name(found.Options.Mode),
        found.Options.Bytes,
        found.Summary.Progress.Round,
        found.Summary.Progress.MovedBytes,
        found.Summary.Progress.WireBytes,
        found.Load.Requests,
        found.Load.Writes,
        found.Summary.Progress.Resumes);
}

/// <summary>What a client saw, in milliseconds.</summary>
internal sealed record MigrateLatencyJson(double P50, double P99, double P999)
{
    public static MigrateLatencyJson From(LatencyHistogram found)
        => new(Milliseconds(found, 0.5), Milliseconds(found, 0.99), Milliseconds(found, 0.999));

    private static double Milliseconds(LatencyHistogram found, double share) => Math.Round(found.Percentile(share) / 1e6, 4);
}

/// <summary>The object that <c>uffd demo migrate --listen --json</c> prints.</summary>
internal sealed record MigrateReceivedJson(double DowntimeMs, double TotalMs, long PostCopyFaults, long PoisonedPages)
{
    /// <summary>Puts a result into this shape.</summary>
    public static MigrateReceivedJson From(MigrateReceived found) => new(
        Math.Round(found.Summary.Downtime.TotalMilliseconds, 3),
        Math.Round(found.Summary.Progress.Elapsed.TotalMilliseconds, 3),
        found.Faults,
        found.Summary.Progress.PoisonedPages);
}
