using System.Diagnostics;
using Uffd.Paging;

namespace Uffd.Daemon.Demo;

/// <summary>How to run the demo.</summary>
public sealed record DemoOptions
{
    /// <summary>A file to serve, or null to make one.</summary>
    public string? ImagePath { get; init; }

    /// <summary>How large an image to make. Default: 512 MiB.</summary>
    public ulong ImageLength { get; init; } = 512UL << 20;

    /// <summary>Starts this same program with other arguments: <c>serve</c> and the worker's hidden verb.</summary>
    public required Func<IReadOnlyList<string>, ProcessStartInfo> Self { get; init; }

    /// <summary>Told how far a phase has come, from 0 to 1. Called on any thread.</summary>
    public Action<DemoPhase, double> Progress { get; init; } = (_, _) => { };
}

/// <summary>The steps of the demo.</summary>
public enum DemoPhase
{
    /// <summary>An image is made.</summary>
    MakeImage,

    /// <summary>The image is read once for its checksums, and into the page cache.</summary>
    ReadImage,

    /// <summary>The baseline: the whole image is read into memory.</summary>
    LoadEagerly,

    /// <summary>The worker touches and verifies every page while they arrive.</summary>
    TouchEverything,
}

/// <summary>What the demo found.</summary>
/// <param name="Verified">Whether every page and the whole had the image's content.</param>
/// <param name="Bytes">The image's bytes.</param>
/// <param name="Pages">Its pages.</param>
/// <param name="Faults">Touches that had to wait for their page.</param>
/// <param name="FirstAccessMs">From before the memory was mapped until its first page was read.</param>
/// <param name="EagerLoadMs">Reading all of the image into memory first, until its first page was read.</param>
/// <param name="AllResidentMs">From the hand-over until all of the memory was there.</param>
/// <param name="BackgroundPages">Pages that came before anyone touched them.</param>
/// <param name="ZeroPages">Pages that were zeros and were not copied.</param>
/// <param name="FaultLatency">How long the faulting touches took.</param>
/// <param name="Sha256">Of the image.</param>
public sealed record DemoResult(
    bool Verified,
    ulong Bytes,
    long Pages,
    long Faults,
    double FirstAccessMs,
    double EagerLoadMs,
    double AllResidentMs,
    long BackgroundPages,
    long ZeroPages,
    LatencyHistogram FaultLatency,
    string Sha256);
