namespace Uffd.Paging;

/// <summary>Waits by a clock that a test may set, and never less than was asked: timers count in milliseconds and may come early.</summary>
internal static class Pauses
{
    public static async ValueTask PauseAsync(this TimeProvider clock, TimeSpan time, CancellationToken cancellation)
    {
        long start = clock.GetTimestamp();
        for (TimeSpan left = time; left > TimeSpan.Zero; left = time - clock.GetElapsedTime(start))
        {
            await Task.Delay(RoundUp(left), clock, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>The same on this thread. By the system's clock it needs nobody else, however busy the thread pool is.</summary>
    public static void Pause(this TimeProvider clock, TimeSpan time, CancellationToken cancellation)
    {
        if (!ReferenceEquals(clock, TimeProvider.System))
        {
            clock.PauseAsync(time, cancellation).AsTask().GetAwaiter().GetResult();
            return;
        }

        long start = clock.GetTimestamp();
        for (TimeSpan left = time; left > TimeSpan.Zero; left = time - clock.GetElapsedTime(start))
        {
            cancellation.WaitHandle.WaitOne(RoundUp(left));
            cancellation.ThrowIfCancellationRequested();
        }
    }

    private static TimeSpan RoundUp(TimeSpan time) => TimeSpan.FromMilliseconds(Math.Ceiling(time.TotalMilliseconds));
}
