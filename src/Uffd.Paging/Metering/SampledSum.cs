using System.Diagnostics;

namespace Uffd.Paging;

/// <summary>
/// The sums, for many instruments that are asked one after the other: summed up once for all that are asked within a few
/// milliseconds, so that a collection costs one pass over the address spaces.
/// </summary>
internal sealed class SampledSum(SpaceTotals totals)
{
    private static readonly TimeSpan Freshness = TimeSpan.FromMilliseconds(5);

    private readonly Lock _gate = new();
    private AddressSpaceStatistics? _value;
    private long _taken;

    /// <summary>The sums, at most a few milliseconds old.</summary>
    public AddressSpaceStatistics Value
    {
        get
        {
            lock (_gate)
            {
                if (_value is null || Stopwatch.GetElapsedTime(_taken) > Freshness)
                {
                    _value = totals.Sum();
                    _taken = Stopwatch.GetTimestamp();
                }

                return _value;
            }
        }
    }
}
