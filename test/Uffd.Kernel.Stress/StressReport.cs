using System.Globalization;
using Uffd.Testing;

namespace Uffd.Kernel.Stress;

/// <summary>What came of one kind of memory.</summary>
/// <param name="Memory">The memory.</param>
/// <param name="Bounces">How often all pages went from one area to the other.</param>
/// <param name="Pages">Pages that were copied.</param>
/// <param name="MissingFaults">Messages of missing pages.</param>
/// <param name="ProtectFaults">Messages of writes to protected pages.</param>
/// <param name="AlreadyThere">Copies that met a page that another thread had brought.</param>
/// <param name="WrongPages">Pages that were not what they should be.</param>
/// <param name="Elapsed">How long it took.</param>
public sealed record StressReport(
    MemoryKind Memory,
    int Bounces,
    long Pages,
    long MissingFaults,
    long ProtectFaults,
    long AlreadyThere,
    long WrongPages,
    TimeSpan Elapsed)
{
    /// <summary>Whether every page was right after every bounce, and there was one at all.</summary>
    public bool Verified => WrongPages == 0 && Bounces > 0;

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Memory}: {Pages / Elapsed.TotalSeconds:F0} pages a second, {Bounces} bounces, {MissingFaults} missing and {ProtectFaults} write-protect faults, {AlreadyThere} pages met, verified {(Verified ? "yes" : $"NO: {WrongPages} wrong pages")}");
}
