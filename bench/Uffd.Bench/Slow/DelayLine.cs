using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Uffd.Bench;

/// <summary>
/// Ends each task a fixed time after it was made, never sooner and hardly later. The runtime's timers count in whole
/// milliseconds, so a delay of 2 would be one of 2 to 3; here one thread sleeps in the kernel until the next is due. All
/// delays being equal, the queue is in order.
/// </summary>
internal sealed partial class DelayLine : IDisposable
{
    private readonly BlockingCollection<Entry> queue = [];
    private readonly long ticks;

    public DelayLine(TimeSpan delay)
    {
        ticks = (long)(delay.TotalSeconds * Stopwatch.Frequency);
        new Thread(Run) { IsBackground = true, Name = "bench-delays" }.Start();
    }

    public Task EnterAsync()
    {
        // What follows the delay runs on the delays' own thread: a read of a page, and no second wake-up before it.
        var done = new TaskCompletionSource();
        queue.Add(new Entry(Stopwatch.GetTimestamp() + ticks, done));
        return done.Task;
    }

    public void Dispose() => queue.CompleteAdding();

    private void Run()
    {
        _ = Prctl(PR_SET_TIMERSLACK, 1); // nanoseconds; 50,000 otherwise
        foreach (var (due, done) in queue.GetConsumingEnumerable())
        {
            for (var left = due - Stopwatch.GetTimestamp(); left > 0; left = due - Stopwatch.GetTimestamp())
            {
                var nanoseconds = (long)(left * (1e9 / Stopwatch.Frequency));
                var time = new Timespec(nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
                _ = NanoSleep(time, 0);
            }

            done.SetResult();
        }
    }

    private const int PR_SET_TIMERSLACK = 29;

    [LibraryImport("libc", EntryPoint = "nanosleep")]
    private static partial int NanoSleep(in Timespec time, nint remaining);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int Prctl(int option, nint value);

    private readonly record struct Timespec(long Seconds, long Nanoseconds);

    private readonly record struct Entry(long Due, TaskCompletionSource Done);
}
