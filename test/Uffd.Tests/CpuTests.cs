namespace Uffd.Tests;

/// <summary>Lists of CPUs, and threads that are bound to them.</summary>
public class CpuTests
{
    private const int NoSuchCpu = 8191;

    [Theory]
    [InlineData("0", "0")]
    [InlineData("0,2-5", "0,2-5")]
    [InlineData("5-5, 3,4,0", "0,3-5")]
    [InlineData("1,1,0-1", "0-1")]
    [InlineData("8191", "8191")]
    public void List_is_read_and_written(string text, string written)
    {
        Assert.True(CpuList.TryParse(text, out IReadOnlyList<int>? cpus));
        Assert.Equal(written, CpuList.Format(cpus));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(",")]
    [InlineData("0,")]
    [InlineData("-1")]
    [InlineData("1-")]
    [InlineData("2-1")]
    [InlineData("1-2-3")]
    [InlineData("+1")]
    [InlineData("one")]
    [InlineData("8192")]
    [InlineData("0-99999999999")]
    public void What_is_no_list_is_told(string? text) => Assert.False(CpuList.TryParse(text, out _));

    [Fact]
    public async Task Thread_is_bound_as_the_kernel_tells()
    {
        int cpu = CurrentThread.GetCpus()[^1];
        (bool bound, IReadOnlyList<int> cpus, string line) = await NativeTouch.Run(() =>
        {
            bool done = CurrentThread.TrySetCpus([cpu]);
            string status = File.ReadLines("/proc/thread-self/status").First(text => text.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal));
            return (done, CurrentThread.GetCpus(), status["Cpus_allowed_list:".Length..].Trim());
        });
        Assert.True(bound);
        Assert.Equal([cpu], cpus);
        Assert.Equal($"{cpu}", line);
    }

    [Fact]
    public async Task Cpu_that_is_not_there_is_refused()
    {
        int cpu = CurrentThread.GetCpus()[0];
        Assert.False(await NativeTouch.Run(() => CurrentThread.TrySetCpus([NoSuchCpu])));
        Assert.False(await NativeTouch.Run(() => CurrentThread.TrySetCpus([cpu, NoSuchCpu])));
        Assert.False(await NativeTouch.Run(() => CurrentThread.TrySetCpus([-1])));
        Assert.False(await NativeTouch.Run(() => CurrentThread.TrySetCpus([NoSuchCpu + 1])));
        Assert.False(await NativeTouch.Run(() => CurrentThread.TrySetCpus([])));
        Assert.Equal([NoSuchCpu], CpuList.FindUnusable([cpu, NoSuchCpu]));
        Assert.Empty(CpuList.FindUnusable([cpu]));
    }

    [Fact]
    public void Asking_what_can_be_used_leaves_this_thread_where_it_was()
    {
        IReadOnlyList<int> before = CurrentThread.GetCpus();
        CpuList.FindUnusable([before[0]]);
        Assert.Equal(before, CurrentThread.GetCpus());
    }
}
