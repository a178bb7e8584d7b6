using System.Diagnostics;

namespace Uffd.PagerProcess.Tests.Support;

/// <summary>Processes that are known by their ids.</summary>
internal static class Processes
{
    /// <summary>Waits until a process has ended. One that has and is not yet reaped counts as ended.</summary>
    public static async Task WaitForEndAsync(int processId, TimeSpan timeout)
    {
        using ProcessHandle? handle = ProcessHandle.TryOpen(processId);
        long start = Stopwatch.GetTimestamp();
        while (handle is { HasExited: false })
        {
            if (Stopwatch.GetElapsedTime(start) > timeout)
            {
                throw new TimeoutException($"process {processId} has not ended within {timeout.TotalSeconds} s");
            }

            await Task.Delay(10);
        }
    }

    public static void Kill(int processId)
    {
        using ProcessHandle handle = ProcessHandle.TryOpen(processId) ?? throw new InvalidOperationException($"process {processId} has gone");
        Assert.Equal(Errno.None, handle.Kill());
    }
}
