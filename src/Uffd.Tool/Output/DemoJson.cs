using Uffd.Daemon.Demo;

namespace Uffd.Tool.Output;

/// <summary>The object that <c>uffd demo --json</c> prints. Described in docs/cli.md; add fields, never change one.</summary>
internal sealed record DemoJson(
    bool Verified,
    ulong Bytes,
    long Pages,
    long Faults,
    double FirstAccessMs,
    double EagerLoadMs,
    double AllResidentMs,
    double FaultP50Us,
    double FaultP99Us,
    long BackgroundPages,
    long ZeroPages,
    string Sha256)
{
    /// <summary>Puts a result into this shape.</summary>
    public static DemoJson From(DemoResult found) => new(
        found.Verified,
        found.Bytes,
        found.Pages,
        found.Faults,
        Math.Round(found.FirstAccessMs, 3),
        Math.Round(found.EagerLoadMs, 3),
        Math.Round(found.AllResidentMs, 3),
        Math.Round(found.FaultLatency.Percentile(0.5) / 1000, 2),
        Math.Round(found.FaultLatency.Percentile(0.99) / 1000, 2),
        found.BackgroundPages,
        found.ZeroPages,
        found.Sha256);
}
