namespace Uffd.Paging.Tests.End;

/// <summary>Processes that die in the middle of everything leave nothing behind in the pager's.</summary>
[Collection(nameof(AloneCollection))]
public class LeakTests
{
    private const ulong Length = 8 << 20;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Killed_processes_leave_no_threads_and_no_descriptors(bool knowsProcess)
    {
        var source = new HostileSource(new byte[4 * Length], read: _ => Thread.Sleep(1)); // so that fills are under way for a while
        var setup = new Setup { Features = Served.AllEvents, KnowsProcess = knowsProcess, Options = new AddressSpaceOptions() };
        await OnceAsync(source, setup); // what is made once is made here
        (int threads, int descriptors) = (Threads.Count(), CountDescriptors());
        for (int round = 0; round < (knowsProcess ? 20 : 4); round++)
        {
            await OnceAsync(source, setup);
        }

        await Served.UntilAsync(() => Threads.Count() <= threads, $"the threads, of which there were {threads}");
        await Served.UntilAsync(() => CountDescriptors() <= descriptors, $"the descriptors, of which there were {descriptors}");
    }

    [Fact]
    public async Task Counting_finds_one_that_is_left()
    {
        // The control of the one above.
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Length));
        (int threads, int descriptors) = (Threads.Count(), CountDescriptors());
        await using Served served = await Served.StartAsync(Length, source);
        await served.Target.TouchAsync(0);
        Assert.True(Threads.Count() > threads, "a fault loop is a thread");
        Assert.True(CountDescriptors() > descriptors, "a userfaultfd is a descriptor");
    }

    [Fact]
    public async Task Process_that_replaces_its_memory_has_ended()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source);
        await served.Target.TouchAsync(0);
        await served.Target.RunAsync("reexec");
        Assert.Equal(AddressSpaceEnd.TargetExited, await served.EndAsync());
        await served.Target.RunAsync("pid");
    }

    [Fact]
    public async Task Child_whose_descriptor_does_not_fit_is_waited_for_quietly()
    {
        using MemoryPageSource source = MemoryPageSource.FromBytes(Pattern.Bytes(Length));
        await using Served served = await Served.StartAsync(Length, source, new Setup { Features = Served.AllEvents });
        await served.Target.TouchAsync(0);
        Task<int> fork;
        using (DescriptorLimit.Exhausted())
        {
            fork = served.Target.ForkAsync();
            await served.UntilNoticeAsync(PagerNoticeKind.ReadFailed);
            await Task.Delay(400, TestContext.Current.CancellationToken); // four pauses' time
            Assert.Single(served.Notices);
        }

        await fork;
        Assert.Equal(Pattern.Hash(Length), await served.Target.Child.HashAsync(0, Length));
        Assert.Equal(Pattern.Hash(Length), await served.HashAsync(0, Length));
    }

    private static async Task OnceAsync(HostileSource source, Setup setup)
    {
        await using Served served = await Served.StartAsync(source.Length, source, setup);
        await served.Target.BeginAsync("roam 8 1000000 1 0");
        await served.UntilFaultsAsync(20);
        await served.Target.ForkAsync();
        await served.Target.CrashAsync();
        Assert.Equal(AddressSpaceEnd.TargetExited, await served.EndAsync());
        await Served.UntilAsync(() => served.Pager.AddressSpaces.Count == 0, "the end of the child");
    }

    private static int CountDescriptors()
        => Directory.EnumerateFileSystemEntries("/proc/self/fd")
            .Select(path => new FileInfo(path).LinkTarget ?? "")
            .Count(target => target.StartsWith("anon_inode:", StringComparison.Ordinal));
}
