using System.Diagnostics;

namespace Uffd.Paging;

/// <summary>So many bytes a second, and what a tenth of a second gives at once. Used by one thread.</summary>
internal sealed class RateLimit
{
    private static readonly TimeSpan Burst = TimeSpan.FromMilliseconds(100);

    private readonly double _ticksPerByte;
    private long _paidUntil; // Stopwatch ticks: when what was taken so far has been earned

    /// <param name="bytesPerSecond">0 for no limit.</param>
    public RateLimit(ulong bytesPerSecond) => _ticksPerByte = bytesPerSecond == 0 ? 0 : Stopwatch.Frequency / (double)bytesPerSecond;

    /// <summary>How long to wait before the next bytes; zero when they may come now.</summary>
    public TimeSpan Wait(long now)
    {
        long early = _paidUntil - now - (long)(Burst.TotalSeconds * Stopwatch.Frequency);
        return early <= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(early / (double)Stopwatch.Frequency);
    }

    /// <summary>Bytes were brought.</summary>
    public void Take(long bytes, long now) => _paidUntil = Math.Max(_paidUntil, now) + (long)(bytes * _ticksPerByte);
}
