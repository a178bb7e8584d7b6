namespace Uffd.Processes.Tests.Tracing;

/// <summary>A userfaultfd is taken from every kind of program, whatever its first thread is doing, and nothing is left behind.</summary>
[Collection("tracing")]
public class TakingTests
{
    private const int Repeated = 5;

    [Theory]
    [InlineData("simd")]
    [InlineData("registers")]
    [InlineData("sleep")]
    [InlineData("poll")]
    [InlineData("epoll")]
    [InlineData("futex")]
    [InlineData("sigsuspend")]
    [InlineData("sigwait")]
    [InlineData("alarm")]
    [InlineData("stack")]
    [InlineData("births")]
    [InlineData("pipe")]
    [InlineData("spin")]
    [InlineData("offstack")]
    public void Program_goes_on_unharmed(string work)
    {
        Requires.Root();
        using var target = TracedProgram.Start(work, "simd", "sleep");
        target.AssertUnharmed(); // every thread has been through its work, and opened what it opens
        int descriptors = target.DescriptorCount;
        using var tracee = Tracee.OpenUninspected(target.Id);
        for (int round = 0; round < Repeated; round++)
        {
            using Userfaultfd taken = tracee.TakeUserfaultfd(UffdFeatures.None, out TimeSpan pause);
            Assert.True(taken.IsTargetAlive());
            Assert.True(pause > TimeSpan.Zero);
            target.AssertUnharmed();
        }

        Assert.False(target.IsTraced);
        Assert.True(string.Equals(work, "pipe", StringComparison.Ordinal) || target.DescriptorCount == descriptors);
    }

    [Fact]
    public void Wait_with_a_limit_is_not_cut_short()
    {
        Requires.Root();
        using var target = TracedProgram.Start("epolltimed", "epolltimed");
        using var tracee = Tracee.OpenUninspected(target.Id);
        for (int round = 0; round < Repeated; round++)
        {
            tracee.TakeUserfaultfd(UffdFeatures.None, out _).Dispose();
            target.AssertUnharmed();
            Thread.Sleep(30); // longer than the limit: nearer stops bring EINTR, as those of every tracer do
            tracee.RunStopped(new StoppedWork(_ => { }));
            target.AssertUnharmed();
            Thread.Sleep(30);
        }
    }

    [Fact]
    public void First_thread_may_have_ended()
    {
        Requires.Root();
        Requires.Linux(6, 9, "PIDFD_THREAD");
        using var target = TracedProgram.Start("exit", "simd", "sleep");
        while (target.State() != 'Z')
        {
            Thread.Sleep(1);
        }

        using var tracee = Tracee.OpenUninspected(target.Id);
        using Userfaultfd taken = tracee.TakeUserfaultfd(UffdFeatures.None, out _);
        Assert.True(taken.IsTargetAlive());
        target.AssertUnharmed(isFirstGone: true);
        var work = new StoppedWork(process => Assert.Equal(3, process.ThreadCount)); // two, and the one that answers
        tracee.RunStopped(work);
        target.AssertUnharmed(isFirstGone: true);
        Assert.False(target.IsTraced);
    }

    [Fact]
    public void Static_program()
    {
        Requires.Root();
        using var target = TracedProgram.StartStatic("registers", "simd", "epoll");
        AssertTaken(target);
        target.AssertUnharmed();
    }

    [Theory]
    [InlineData("sleep", "100")]
    [InlineData("cat")]
    [InlineData("sh", "-c", "while :; do :; done")]
    [InlineData("sh", "-c", "read line")]
    [InlineData("busybox", "sleep", "100")]
    [InlineData("python3", "-c", "import time\nwhile True: time.sleep(0.01)")]
    [InlineData("gdb", "-q")]
    public void Program_of_the_system(string program, params string[] arguments)
    {
        Requires.Root();
        Assert.SkipWhen(NativeCompiler.Find(program) is null, $"{program} is not installed");
        using TracedProgram target = TracedProgram.StartOther(waitsForLine: false, program, arguments);
        Thread.Sleep(200); // until it runs what it is to run: any moment will do
        AssertTaken(target);
    }

    [Fact]
    public void Child_of_this_program()
    {
        Requires.Root();
        using var target = TracedProgram.StartChild("sleep", "simd");
        AssertTaken(target);
        target.AssertUnharmed();
    }

    [Fact]
    public void Program_of_dotnet()
    {
        Requires.Root();
        using TracedProgram target = TracedProgram.StartOther(waitsForLine: true, KilledTracer.Path, "idle", "0");
        AssertTaken(target);
        Assert.Equal("alive", target.Ask("alive"));
    }

    [Fact]
    public void Memory_of_the_target_does_not_grow()
    {
        Requires.Root();
        using var target = TracedProgram.Start("sleep");
        using var tracee = Tracee.OpenUninspected(target.Id);
        tracee.TakeUserfaultfd(UffdFeatures.None, out _).Dispose();
        long before = target.ResidentKiB;
        for (int round = 0; round < 50; round++)
        {
            tracee.TakeUserfaultfd(UffdFeatures.None, out _).Dispose();
        }

        Assert.InRange(target.ResidentKiB, 0, before + 32);
    }

    [Fact]
    public void Taken_userfaultfd_tracks_the_other_process()
    {
        Requires.Root();
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var target = TracedProgram.Start("stack");
        using var tracee = Tracee.OpenUninspected(target.Id);
        using Userfaultfd taken = tracee.TakeUserfaultfd(UffdFeatures.WriteProtectAsync | UffdFeatures.WriteProtectUnpopulated, out _);
        Assert.Equal(UffdFeatures.WriteProtectAsync | UffdFeatures.WriteProtectUnpopulated, taken.Features);
        AddressRange heap = MemoryMap.Read(target.Id).Regions.First(map => map.Name is "[heap]").Range;
        Assert.True(taken.Register(new AddressRange(heap.Start, heap.End - heap.Start), UffdRegisterModes.WriteProtect) != UffdIoctls.None);
        target.AssertUnharmed();
    }

    private static void AssertTaken(TracedProgram target)
    {
        using var tracee = Tracee.OpenUninspected(target.Id);
        for (int round = 0; round < Repeated; round++)
        {
            using Userfaultfd taken = tracee.TakeUserfaultfd(UffdFeatures.None, out _);
            Assert.True(taken.IsTargetAlive());
        }

        Assert.False(target.HasUserfaultfd);
        Assert.False(target.IsTraced);
        Assert.False(target.HasExited);
    }
}
