namespace Uffd.Tests;

public class ProcessHandleTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    [InlineData(int.MaxValue)]
    public void No_such_process_is_null(int id) => Assert.Null(ProcessHandle.TryOpen(id));

    [Fact]
    public void Thread_that_is_no_process_is_null()
    {
        string own = Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture);
        string thread = Directory.GetDirectories("/proc/self/task").Select(path => Path.GetFileName(path)).First(id => !string.Equals(id, own, StringComparison.Ordinal));
        Assert.Null(ProcessHandle.TryOpen(int.Parse(thread, System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task Process_can_be_watched_and_killed()
    {
        await using NativeTarget target = await NativeTarget.StartAsync();
        using ProcessHandle? process = ProcessHandle.TryOpen(target.ProcessId);
        Assert.NotNull(process);
        Assert.Equal(target.ProcessId, process.ProcessId);
        Assert.False(process.HasExited);
        using var poller = new EventPoller();
        poller.Add(process.Handle, 1);
        var ready = new PollResult[1];
        Assert.Equal(0, poller.Wait(ready, TimeSpan.Zero));

        Assert.Equal(Errno.None, process.Kill());
        var patience = System.Diagnostics.Stopwatch.StartNew();
        while (poller.Wait(ready, TimeSpan.FromSeconds(10)) == 0)
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(10), "the end was not told"); // a signal may end a wait early
        }

        Assert.True(process.HasExited);
        await target.CrashAsync();
        Assert.Equal(Errno.ESRCH, process.Kill());
    }

    [Fact]
    public void Disposed_handle_throws()
    {
        ProcessHandle process = ProcessHandle.TryOpen(Environment.ProcessId)!;
        process.Dispose();
        Assert.Throws<ObjectDisposedException>(() => process.HasExited);
        Assert.Throws<ObjectDisposedException>(() => process.Kill());
    }
}
