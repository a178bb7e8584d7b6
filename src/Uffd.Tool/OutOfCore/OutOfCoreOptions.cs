using System.Diagnostics;
using Uffd.Paging;

namespace Uffd.Tool.OutOfCore;

/// <summary>How to run the demo of memory larger than RAM.</summary>
/// <param name="FileBytes">Of the file.</param>
/// <param name="LimitBytes">The most of it that may be in memory.</param>
/// <param name="Operations">How many records are read.</param>
/// <param name="Self">Starts this program again with other arguments.</param>
internal sealed record OutOfCoreOptions(long FileBytes, ulong LimitBytes, long Operations, Func<IReadOnlyList<string>, ProcessStartInfo> Self)
{
    /// <summary>Told what happens; on any thread.</summary>
    public Action<OutOfCoreMoment> Tell { get; init; } = _ => { };
}

/// <summary>The steps of the demo.</summary>
internal enum OutOfCorePhase
{
    /// <summary>The file is made.</summary>
    Make,

    /// <summary>Records are read and written through the region.</summary>
    Work,

    /// <summary>The file is opened anew and every record compared.</summary>
    Verify,

    /// <summary>The same work on a mapped file.</summary>
    Map,
}

/// <summary>How far the demo is.</summary>
/// <param name="Phase">In which step.</param>
/// <param name="Share">How much of it is done, from 0 to 1.</param>
/// <param name="Region">What the region has done so far, while there is one.</param>
/// <param name="Accesses">Records read and written so far.</param>
internal readonly record struct OutOfCoreMoment(OutOfCorePhase Phase, double Share, PagedRegionStatistics? Region = null, long Accesses = 0);

/// <summary>What came out.</summary>
/// <param name="Verified">Whether every record was right, at every read and at the end.</param>
/// <param name="FileBytes">Of the file.</param>
/// <param name="Seconds">Of the work, until all of it was durable.</param>
/// <param name="Mapped">What the mapped file took.</param>
/// <param name="Region">What the region had done, before it was flushed.</param>
/// <param name="IsDirect">Whether the file was read and written past the page cache, so that the limit holds for all of its memory.</param>
/// <param name="Reads">Records read.</param>
/// <param name="Writes">Records written.</param>
internal sealed record OutOfCoreResult(bool Verified, long FileBytes, double Seconds, MappedTime Mapped, PagedRegionStatistics Region, bool IsDirect, long Reads, long Writes)
{
    /// <summary>The share of the accesses that found their page in memory.</summary>
    public double HitRate => 1 - ((double)Region.Misses / (Reads + Writes));

    /// <summary>How many times as long the region took as the mapped file; null where the two had not the same memory.</summary>
    public double? Ratio => Mapped.IsLimited && IsDirect ? Seconds / Mapped.Seconds : null;
}
