using System.Globalization;

namespace Uffd.Processes.Tests;

/// <summary>Each obstacle with a process that has it, and what is none with a process that could be taken for one.</summary>
public sealed class TargetInspectionTests
{
    [Theory]
    [InlineData("plain")]
    [InlineData("undumpable")]
    [InlineData("unregistered")] // a userfaultfd that watches nothing
    [InlineData("locked")]
    [InlineData("sealed")]
    [InlineData("stopped")]
    [InlineData("headless")]
    [InlineData("pid-namespace")]
    [InlineData("user-namespace")]
    public void What_works_is_not_refused(string state)
    {
        Requires.Root();
        using Subject subject = Subject.Start(state);
        TargetInspection inspection = TargetInspection.Inspect(subject.ProcessId);
        Assert.Empty(inspection.Obstacles);
        Assert.False(inspection.HasSeccompFilter);
        inspection.ThrowIfObstructed();
    }

    [Theory]
    [InlineData("registered", "under a userfaultfd already")]
    [InlineData("zombie", "has ended")]
    [InlineData("traced", "traced already, by process")]
    [InlineData("threads", "is a thread, not a process; name its process: ")]
    public void Obstacle_is_told(string state, string expected)
    {
        Requires.Root();
        using Subject subject = Subject.Start(state);
        TargetInspection inspection = TargetInspection.Inspect(subject.ProcessId);
        Assert.Contains(expected, Told(inspection), StringComparison.Ordinal);
        Assert.False(inspection.Obstacles[0].IsPermission);
    }

    [Theory]
    [InlineData("filtered")]
    [InlineData("strict")]
    public void Seccomp_is_no_obstacle_for_who_can_suspend_it(string state)
    {
        Requires.Root();
        using Subject subject = Subject.Start(state);
        TargetInspection inspection = TargetInspection.Inspect(subject.ProcessId);
        Assert.True(inspection.HasSeccompFilter);
        Assert.Empty(inspection.Obstacles);
        string without = AsUser.Inspect(subject.ProcessId, "--inh-caps=-sys_admin", "--bounding-set=-sys_admin");
        Assert.Contains("that needs CAP_SYS_ADMIN", without, StringComparison.Ordinal);
    }

    [Fact]
    public void Program_of_32_bits_is_refused()
    {
        Requires.Root();
        using Subject subject = Subject.StartNarrow();
        Assert.Contains("32-bit", Told(TargetInspection.Inspect(subject.ProcessId)), StringComparison.Ordinal);
    }

    [Fact]
    public void This_process_is_refused()
        => Assert.Contains("itself", Told(TargetInspection.Inspect(Environment.ProcessId)), StringComparison.Ordinal);

    [Fact]
    public void Thread_of_the_kernel_is_refused()
    {
        const int KernelThreads = 2;
        Requires.That(File.Exists("/proc/2/comm") && File.ReadAllText("/proc/2/comm").Trim() is "kthreadd", "this needs to see the kernel's threads");
        Assert.Contains("kernel", Told(TargetInspection.Inspect(KernelThreads)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void Nobody_is_no_such_process(int processId)
        => Assert.Equal(Errno.ESRCH, Assert.Throws<UffdException>(() => TargetInspection.Inspect(processId)).Errno);

    [Fact]
    public void Process_that_was_killed_is_no_such_process()
    {
        using Subject subject = Subject.Start("plain");
        subject.Kill();
        Assert.Equal(Errno.ESRCH, Assert.Throws<UffdException>(() => TargetInspection.Inspect(subject.ProcessId)).Errno);
    }

    [Fact]
    public void Ordinary_user_may_inspect_an_own_process_and_no_other()
    {
        using Subject own = Subject.Start("plain", AsUser.Nobody);
        using Subject hidden = Subject.Start("undumpable", AsUser.Nobody);
        using Subject foreign = Subject.Start("plain");
        string[] nobody = AsUser.Becoming(AsUser.Nobody);
        Requires.That(!File.Exists("/proc/sys/kernel/yama/ptrace_scope"), "this needs a kernel without Yama");
        Assert.Equal("fine", AsUser.Inspect(own.ProcessId, nobody));
        Assert.Matches("^unavailable: .*not dumpable.*; run it with sudo", AsUser.Inspect(hidden.ProcessId, nobody));
        Assert.Matches("^unavailable: .*runs as user 0; run it with sudo", AsUser.Inspect(foreign.ProcessId, nobody));
    }

    [Fact]
    public void Root_without_the_capability_is_told_of_the_container()
    {
        using Subject foreign = Subject.Start("plain", AsUser.Nobody);
        Assert.Matches(
            "^unavailable: .*runs as user 65534, and CAP_SYS_PTRACE is missing; docker run --cap-add SYS_PTRACE",
            AsUser.Inspect(foreign.ProcessId, "--inh-caps=-sys_ptrace", "--bounding-set=-sys_ptrace"));
    }

    /// <summary>One line, which names what to do where there is something.</summary>
    private static string Told(TargetInspection inspection)
    {
        UffdException thrown = Assert.Throws<UffdException>(inspection.ThrowIfObstructed);
        Assert.DoesNotContain('\n', thrown.Message);
        Assert.StartsWith(inspection.Obstacles[0].What, thrown.Message, StringComparison.Ordinal);
        Assert.Equal(inspection.Obstacles[0].IsPermission, thrown.IsUnavailable);
        return string.Create(CultureInfo.InvariantCulture, $"{thrown.Message}");
    }
}
