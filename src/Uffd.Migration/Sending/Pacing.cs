using System.Diagnostics;
using Uffd.Paging;

namespace Uffd.Migration;

/// <summary>So many bytes a second from all threads together.</summary>
internal sealed class Pacing(ulong bytesPerSecond)
{
    private readonly Lock _lock = new();
    private readonly RateLimit _rate = new(bytesPerSecond);

    /// <summary>Returns when so many bytes may be sent.</summary>
    public void Wait(long bytes)
    {
        if (bytesPerSecond == 0)
        {
            return;
        }

        TimeSpan early;
        lock (_lock)
        {
            long now = Stopwatch.GetTimestamp();
            early = _rate.Wait(now);
            _rate.Take(bytes, now);
        }

        if (early > TimeSpan.Zero)
        {
            Thread.Sleep(early);
        }
    }
}
