using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Uffd.Abi;

namespace Uffd.Processes.Tests.Tracing;

/// <summary>Every thread stands during the work, and goes on after it, whatever happens.</summary>
[Collection("tracing")]
public class StoppingTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(300)]
    public void Every_thread_stands(int count)
    {
        Requires.Root();
        using var target = TracedProgram.Start(Enumerable.Repeat("spin", Math.Min(count, 10)).Concat(Enumerable.Repeat("sleep", Math.Max(0, count - 10))));
        using var tracee = Tracee.OpenUninspected(target.Id);
        for (int round = 0; round < 3; round++)
        {
            bool stood = false;
            int threads = 0;
            tracee.RunStopped(new StoppedWork(process =>
            {
                threads = process.ThreadCount;
                stood = TaskStates(target.Id).All(state => state == 't');
                long[] before = SwitchCounts(target.Id);
                Thread.Sleep(20);
                stood &= before.SequenceEqual(SwitchCounts(target.Id));
            }));
            Assert.True(stood);
            Assert.Equal(count + 1, threads); // and the one that answers
            Assert.False(target.IsTraced);
        }

        target.AssertUnharmed();
    }

    [Fact]
    public void Threads_that_are_born_meanwhile_stand_too()
    {
        Requires.Root();
        using var target = TracedProgram.Start("births", "births", "births", "sleep");
        using var tracee = Tracee.OpenUninspected(target.Id);
        for (int round = 0; round < 50; round++)
        {
            int threads = 0;
            bool stood = false;
            tracee.RunStopped(new StoppedWork(process =>
            {
                threads = process.ThreadCount;
                char[] states = [.. TaskStates(target.Id).Where(state => state is not ('Z' or 'X'))];
                stood = states.Length == threads && states.All(state => state == 't');
            }));
            Assert.True(stood, $"round {round}: {threads} threads");
        }

        target.AssertUnharmed();
        Assert.False(target.IsTraced);
    }

    /// <summary>A thread is born exactly between the listing and the interruption: the seized parent brings it along.</summary>
    [Fact]
    public void Thread_born_between_listing_and_interruption_stands_too()
    {
        Requires.Root();
        using var target = TracedProgram.Start("none");
        using var tracee = Tracee.OpenUninspected(target.Id);
        TraceSteps.Reached = step =>
        {
            if (step is "listed")
            {
                TraceSteps.Reached = null;
                target.Send("spawn"); // all are listed and seized, and nobody was asked to stand yet
                while (TaskStates(target.Id).Length < 3)
                {
                    Thread.Sleep(1);
                }
            }
        };
        try
        {
            int threads = 0;
            bool stood = false;
            tracee.RunStopped(new StoppedWork(process =>
            {
                threads = process.ThreadCount;
                stood = TaskStates(target.Id).All(state => state == 't');
            }));
            Assert.Equal(3, threads);
            Assert.True(stood);
            Assert.Equal("ok", target.Read());
        }
        finally
        {
            TraceSteps.Reached = null;
        }
    }

    [Fact]
    public void Process_that_was_stopped_stays_so()
    {
        Requires.Root();
        using var target = TracedProgram.Start("registers", "simd", "sleep");
        using var tracee = Tracee.OpenUninspected(target.Id);
        target.Signal("STOP");
        WaitForState(target, 'T');
        tracee.RunStopped(new StoppedWork(_ => { }));
        WaitForState(target, 'T');
        using (Userfaultfd taken = tracee.TakeUserfaultfd(UffdFeatures.None, out _))
        {
            Assert.True(taken.IsTargetAlive());
        }

        WaitForState(target, 'T');
        Thread.Sleep(50);
        Assert.All(TaskStates(target.Id), state => Assert.Equal('T', state));
        Assert.False(target.IsTraced);
        target.Signal("CONT");
        target.AssertUnharmed();
    }

    [Fact]
    public async Task Process_is_stopped_and_continued_by_others_all_the_while()
    {
        Requires.Root();
        using var target = TracedProgram.Start("registers", "simd", "sleep", "alarm");
        using var tracee = Tracee.OpenUninspected(target.Id);
        using var ended = new CancellationTokenSource();
        Task signals = Task.Run(() =>
        {
            while (!ended.IsCancellationRequested)
            {
                target.Signal("STOP");
                target.Signal("CONT");
            }
        }, TestContext.Current.CancellationToken);
        for (int round = 0; round < 20; round++)
        {
            tracee.TakeUserfaultfd(UffdFeatures.None, out _).Dispose();
            tracee.RunStopped(new StoppedWork(_ => { }));
        }

        await ended.CancelAsync();
        await signals;
        target.AssertUnharmed();
    }

    [Fact]
    public void Process_killed_during_the_work_is_told_by_its_registers()
    {
        Requires.Root();
        using var target = TracedProgram.Start("sleep", "simd");
        using var tracee = Tracee.OpenUninspected(target.Id);
        var registers = new ThreadRegisters();
        Errno before = Errno.EIO;
        Errno after = Errno.None;
        tracee.RunStopped(new StoppedWork(process =>
        {
            before = process.ReadRegisters(0, registers);
            tracee.Process.Kill();
            long deadline = Environment.TickCount64 + 10_000;
            while ((after = process.ReadRegisters(0, registers)) == Errno.None && Environment.TickCount64 < deadline)
            {
                Thread.Sleep(1);
            }
        }));
        Assert.Equal(Errno.None, before);
        Assert.Equal(Errno.ESRCH, after);
        UffdException gone = Assert.Throws<UffdException>(() => tracee.RunStopped(new StoppedWork(_ => { })));
        Assert.Equal(Errno.ESRCH, gone.Errno);
        Assert.Throws<UffdException>(() => tracee.TakeUserfaultfd(UffdFeatures.None, out _));
    }

    [Theory]
    [InlineData("halted")]
    [InlineData("set")]
    [InlineData("entered")]
    [InlineData("called")]
    [InlineData("returned")]
    public void Process_killed_while_a_call_is_run_in_it_is_an_error(string atStep)
    {
        Requires.Root();
        using var target = TracedProgram.Start("sleep", "simd");
        using var tracee = Tracee.OpenUninspected(target.Id);
        TraceSteps.Reached = step =>
        {
            if (string.Equals(step, atStep, StringComparison.Ordinal))
            {
                target.Kill();
            }
        };
        try
        {
            if (atStep is "returned")
            {
                tracee.TakeUserfaultfd(UffdFeatures.None, out _).Dispose(); // it was fetched before
            }
            else
            {
                Assert.ThrowsAny<UffdException>(() => tracee.TakeUserfaultfd(UffdFeatures.None, out _).Dispose());
            }
        }
        finally
        {
            TraceSteps.Reached = null;
        }
    }

    [Fact]
    public async Task Program_that_is_replaced_meanwhile_goes_on()
    {
        Requires.Root();
        using var target = TracedProgram.Start("registers", "simd", "sleep");
        using var tracee = Tracee.OpenUninspected(target.Id);
        for (int round = 0; round < 20; round++)
        {
            Task<string> answer = Task.Run(() => target.Ask("exec"), TestContext.Current.CancellationToken);
            while (!answer.IsCompleted)
            {
                try
                {
                    tracee.RunStopped(new StoppedWork(_ => { }));
                    tracee.TakeUserfaultfd(UffdFeatures.None, out _).Dispose();
                }
                catch (UffdException exception)
                {
                    Assert.False(target.HasExited, exception.Message);
                }
            }

            Assert.StartsWith("ready", await answer, StringComparison.Ordinal);
            Assert.False(target.IsTraced);
        }
    }

    [Fact]
    public void Work_that_throws_is_heard_of_and_all_go_on()
    {
        Requires.Root();
        using var target = TracedProgram.Start("registers", "simd", "sleep");
        using var tracee = Tracee.OpenUninspected(target.Id);
        Assert.Throws<InvalidDataException>(() => tracee.RunStopped(new StoppedWork(_ => throw new InvalidDataException("the test's"))));
        Assert.False(target.IsTraced);
        target.AssertUnharmed();
        tracee.RunStopped(new StoppedWork(process => Assert.Equal(4, process.ThreadCount)));
    }

    [Fact]
    public void Registers_are_those_of_the_threads()
    {
        Requires.Root();
        using var target = TracedProgram.Start("sleep", "registers");
        using var tracee = Tracee.OpenUninspected(target.Id);
        ThreadRegisters[] all = [new(), new(), new()];
        tracee.RunStopped(new StoppedWork(process =>
        {
            for (int index = 0; index < all.Length; index++)
            {
                Assert.Equal(Errno.None, process.ReadRegisters(index, all[index]));
            }
        }));
        Assert.Equal(target.Id, all[0].ThreadId);
        Assert.Equal(3, all.Select(registers => registers.ThreadId).Distinct().Count());
        foreach (ThreadRegisters registers in all)
        {
            user_regs_struct_x86_64 general = MemoryMarshal.Read<user_regs_struct_x86_64>(registers.General.Span);
            Assert.Equal(0x33UL, general.cs);
            Assert.Contains(MemoryMap.Read(target.Id).Regions, map => map.Permissions.HasFlag(RegionPermissions.Execute) && map.Range.Contains(general.rip));
            Assert.Equal(512, registers.FloatingPoint.Length);
            Assert.Equal(0x1F80U, BinaryPrimitives.ReadUInt32LittleEndian(registers.FloatingPoint.Span[24..]) & 0x1F80U); // MXCSR: all exceptions masked
            Assert.True(registers.Extended.Length > 576);
            Assert.Equal(128, registers.SignalInformation.Length);
        }
    }

    [Fact]
    public void Process_that_another_traces_is_refused()
    {
        Requires.Root();
        using var target = TracedProgram.Start("sleep");
        using var tracee = Tracee.OpenUninspected(target.Id);
        using var other = Tracee.OpenUninspected(target.Id);
        var failures = new ConcurrentQueue<Exception>();
        tracee.RunStopped(new StoppedWork(_ =>
        {
            failures.Enqueue(Assert.Throws<UffdException>(() => other.TakeUserfaultfd(UffdFeatures.None, out TimeSpan _)));
            failures.Enqueue(Assert.Throws<UffdException>(() => other.RunStopped(new StoppedWork(_ => { }))));
        }));
        Assert.All(failures, failure => Assert.Equal(Errno.EPERM, ((UffdException)failure).Errno));
        other.RunStopped(new StoppedWork(_ => { }));
        target.AssertUnharmed();
    }

    [Fact]
    public void No_such_process()
    {
        UffdException failure = Assert.Throws<UffdException>(() => Tracee.OpenUninspected(int.MaxValue));
        Assert.Equal(Errno.ESRCH, failure.Errno);
    }

    [Fact]
    public void Nothing_is_allocated_while_threads_stand()
    {
        Requires.Root();
        using var target = TracedProgram.Start("sleep", "sleep", "sleep");
        using var tracee = Tracee.OpenUninspected(target.Id);
        var registers = new ThreadRegisters();
        long allocated = -1;
        long interrupted = 0;
        TraceSteps.Reached = step =>
        {
            if (step is "interrupted")
            {
                interrupted = GC.GetAllocatedBytesForCurrentThread();
            }
            else if (step is "released")
            {
                allocated = GC.GetAllocatedBytesForCurrentThread() - interrupted;
            }
        };
        try
        {
            tracee.RunStopped(new StoppedWork(process => process.ReadRegisters(0, registers)));
        }
        finally
        {
            TraceSteps.Reached = null;
        }

        Assert.Equal(0, allocated);
    }

    private static char[] TaskStates(int process) => [.. Directory.GetDirectories($"/proc/{process}/task")
        .Select(task => TargetFiles.TryReadText($"{task}/stat"))
        .OfType<string>()
        .Select(text => text[text.LastIndexOf(')') + 2])];

    /// <summary>How often every thread was switched to: the same number twice means that it did not run between.</summary>
    private static long[] SwitchCounts(int process) => [.. Directory.GetDirectories($"/proc/{process}/task")
        .SelectMany(task => File.ReadAllLines($"{task}/status"))
        .Where(line => line.Contains("ctxt_switches", StringComparison.Ordinal))
        .Select(line => long.Parse(line.Split('\t')[1], System.Globalization.CultureInfo.InvariantCulture))];

    private static void WaitForState(TracedProgram target, char state)
    {
        var watch = Stopwatch.StartNew();
        while (TaskStates(target.Id).Any(found => found != state))
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"the target is not in state {state} but {string.Join(' ', TaskStates(target.Id))}");
            Thread.Sleep(1);
        }
    }
}
