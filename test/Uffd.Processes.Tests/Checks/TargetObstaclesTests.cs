namespace Uffd.Processes.Tests;

/// <summary>What is said where this machine is not such a one: the rules, apart from the system they speak of.</summary>
public sealed class TargetObstaclesTests
{
    private const string User = "State:\tS (sleeping)\nTgid:\t7\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nCapPrm:\t0\nCapEff:\t0\nSeccomp:\t0\n";
    private const string Root = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nCapPrm:\t1ffffffffff\nCapEff:\t1ffffffffff\nSeccomp:\t0\n";

    private static readonly TargetFacts Plain = new() { ProcessId = 7, Status = StatusText.Parse(User), OwnerOfFiles = 1000 };
    private static readonly TargetFacts Closed = Plain with { Memory = Errno.EACCES };
    private static readonly CallerFacts Caller = new()
    {
        Status = StatusText.Parse(User),
        UserNamespace = "user:[4026531837]",
        ProcIsOwn = true,
        KernelSuspendsSeccomp = true,
    };

    [Fact]
    public void Nothing_stands_in_the_way_of_what_is_open() => Assert.Empty(TargetObstacles.Of(Plain, Caller));

    [Theory]
    [InlineData(1L, "own children", "sudo sysctl -w kernel.yama.ptrace_scope=0")]
    [InlineData(2L, "only with CAP_SYS_PTRACE", "sudo")]
    [InlineData(3L, "until the next boot", "boot again")]
    [InlineData(null, "another user namespace", "CAP_SYS_PTRACE")]
    public void Yama_is_explained(long? scope, string what, string remedy)
    {
        TargetObstacle obstacle = Single(Closed, Caller with { YamaScope = scope });
        Assert.True(obstacle.IsPermission);
        Assert.Contains(what, obstacle.What, StringComparison.Ordinal);
        Assert.Contains(remedy, obstacle.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Yama_is_not_blamed_for_what_the_kernel_allows() // an own child, or one that named this program
        => Assert.Empty(TargetObstacles.Of(Plain, Caller with { YamaScope = 1 }));

    [Fact]
    public void Group_of_another_counts_as_another_user()
        => Assert.Contains("runs as user 1000", Single(Closed, Caller with { Status = StatusText.Parse(User.Replace("Gid:\t1000\t1000", "Gid:\t5\t5", StringComparison.Ordinal)) }).What, StringComparison.Ordinal);

    [Fact]
    public void Capabilities_of_the_process_are_seen()
        => Assert.Contains("has capabilities", Single(Closed with { Status = StatusText.Parse(User.Replace("CapPrm:\t0", "CapPrm:\t400", StringComparison.Ordinal)) }, Caller).What, StringComparison.Ordinal);

    [Fact]
    public void Root_is_told_of_security_modules()
        => Assert.Contains("security module", Single(Closed, Caller with { Status = StatusText.Parse(Root) }).What, StringComparison.Ordinal);

    [Fact]
    public void Root_of_a_container_is_told_of_the_host()
        => Assert.Contains("outside this user namespace", Single(Closed, Caller with { Status = StatusText.Parse(Root), UserNamespace = "user:[4026532000]" }).What, StringComparison.Ordinal);

    [Fact]
    public void Hidden_process_is_told_with_the_mount()
    {
        TargetObstacle obstacle = Single(new TargetFacts { ProcessId = 7 }, Caller);
        Assert.True(obstacle.IsPermission);
        Assert.Contains("hidepid=0", obstacle.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Foreign_proc_is_found()
        => Assert.Contains("another pid namespace", Single(Plain, Caller with { ProcIsOwn = false }).What, StringComparison.Ordinal);

    [Theory]
    [InlineData(Errno.EPERM, Errno.None, "ptrace")]
    [InlineData(Errno.None, Errno.EPERM, "pidfd_getfd")]
    [InlineData(Errno.None, Errno.ENOSYS, "Linux 5.6")]
    public void Own_filter_is_found(Errno ptrace, Errno pidfdGetfd, string what)
        => Assert.Contains(what, Single(Plain, Caller with { Ptrace = ptrace, PidfdGetfd = pidfdGetfd }).What, StringComparison.Ordinal);

    [Fact]
    public void Filter_that_cannot_be_suspended_is_an_obstacle()
    {
        TargetFacts filtered = Plain with { HasSeccomp = true };
        CallerFacts root = Caller with { Status = StatusText.Parse(Root) };
        Assert.Empty(TargetObstacles.Of(filtered, root));
        Assert.Contains("CAP_SYS_ADMIN", Single(filtered, Caller).What, StringComparison.Ordinal);
        Assert.Contains("filter of its own", Single(filtered, root with { Status = StatusText.Parse(Root.Replace("Seccomp:\t0", "Seccomp:\t2", StringComparison.Ordinal)) }).What, StringComparison.Ordinal);
        Assert.Contains("on the host", Single(filtered, root with { UserNamespace = "user:[1]" }).What, StringComparison.Ordinal);
        Assert.Contains("CONFIG_CHECKPOINT_RESTORE", Single(filtered, root with { KernelSuspendsSeccomp = false }).What, StringComparison.Ordinal);
    }

    [Fact]
    public void Shadow_stack_is_read_from_the_status()
    {
        Assert.True(StatusText.Parse("x86_Thread_features:\tshstk wrss\n").HasShadowStack);
        Assert.False(StatusText.Parse("x86_Thread_features:\t\n").HasShadowStack);
        Assert.Contains("x86_shstk=off", Single(Plain with { HasShadowStack = true }, Caller).Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_of_others_cannot_command_a_terminal()
        => Assert.Contains("(a?[31mb)", Single(Plain with { TracerId = 9, TracerName = "a\u001b[31mb" }, Caller).What, StringComparison.Ordinal);

    [Theory]
    [InlineData("7 (a) b (c) S 1 7 7 0 -1 2097216 0", 2097216UL)]
    [InlineData("7 (a", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    [InlineData("7 (a) S 1", null)]
    public void Flags_are_read_behind_any_name(string? stat, ulong? expected) => Assert.Equal(expected, TargetFacts.FlagsOf(stat));

    [Theory]
    [InlineData("")]
    [InlineData("State:\nUid:\tx\t-1\nTgid:\t99999999999\nCapPrm:\tzz\nSeccomp:\t-4\n")]
    public void Status_of_another_form_gives_nothing(string text)
    {
        StatusText status = StatusText.Parse(text);
        Assert.Null(status.ThreadGroupId);
        Assert.Null(status.EffectiveUserId);
        Assert.Equal(0, status.SeccompMode);
    }

    private static TargetObstacle Single(TargetFacts target, CallerFacts caller) => Assert.Single(TargetObstacles.Of(target, caller));
}
