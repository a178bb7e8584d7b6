using System.Diagnostics;

namespace Uffd.Snapshots;

/// <summary>Keeps copying to a rate.</summary>
/// <param name="bytesPerSecond">The rate; 0 for none.</param>
internal sealed class Pacer(long bytesPerSecond)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private ulong _bytes;

    /// <summary>Waits until so many bytes more are due.</summary>
    public void Wait(ulong bytes)
    {
        if (bytesPerSecond <= 0)
        {
            return;
        }

        _bytes += bytes;
        TimeSpan ahead = TimeSpan.FromSeconds(_bytes / (double)bytesPerSecond) - Stopwatch.GetElapsedTime(_start);
        if (ahead > TimeSpan.FromMilliseconds(1))
        {
            Thread.Sleep(ahead);
        }
    }
}
