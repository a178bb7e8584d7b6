using Uffd.Diagnostics;
using Uffd.Tool.Output;

namespace Uffd.Tool.Tests.Diagnostics;

/// <summary>What is said about hosts that this one is not.</summary>
public sealed class HostReportTests
{
    private static readonly PagingSelfTest Works = new(Works: true, 16, 7.5, UffdFaultScope.UserAndKernel, Failure: null);
    private static readonly PagingSelfTest Refused = new(Works: false, 0, Microseconds: null, FaultScope: null, "cannot create a userfaultfd");

    private static readonly HostReport Healthy = new()
    {
        KernelRelease = "6.18.0",
        Machine = "x86_64",
        PageSize = 4096,
        Support = KernelSupport.BuiltIn,
        Creation = Answers(Errno.None, Errno.None, Errno.None, Errno.None),
        Features = (UffdFeatures)0x1FFFF,
        UnprivilegedUserfaultfd = 0,
        Device = new DeviceFile("/dev/userfaultfd", "crw-------", "root", "root"),
        KernelHasDevice = true,
        HasCapSysPtrace = true,
        CanFollowForks = true,
        HasCapSysAdmin = true,
        HasPagemapScan = true,
        SeccompMode = 0,
        HugePages2MiB = new HugePagePool(64, 64),
        TransparentHugePages = "madvise",
        SharedTransparentHugePages = "never",
        KsmRun = 0,
        OpenFiles = new ResourceLimit(1048576, 1048576),
        SelfTest = Works,
    };

    [Fact]
    public void A_healthy_host_needs_nothing()
    {
        Assert.All(Healthy.Checks, check => Assert.Equal(HostCheckStatus.Good, check.Status));
        Assert.All(Healthy.Checks, check => Assert.Null(check.Remedy));
        Assert.Equal(ExitCodes.Done, DoctorVerdict.ExitCode(Healthy));
    }

    [Fact]
    public void Ids_are_unique_and_everything_is_one_line()
    {
        foreach (HostReport report in (HostReport[])[Healthy, Docker(), Nothing(), User()])
        {
            Assert.Equal(report.Checks.Count, report.Checks.Select(check => check.Id).Distinct(StringComparer.Ordinal).Count());
            Assert.All(report.Checks, check => Assert.DoesNotContain('\n', $"{check.Subject}{check.Finding}{check.Why}{check.Remedy}"));
            Assert.All(report.Checks, check => Assert.True(check.Subject.Length <= 26, check.Subject));
        }
    }

    [Fact]
    public void An_ordinary_user_is_limited_and_not_failed()
    {
        HostReport report = User();
        Assert.Equal(UffdFaultScope.UserOnly, report.FaultScope);
        Assert.DoesNotContain(report.Checks, check => check.Status == HostCheckStatus.Failed);
        Assert.Equal("sudo chmod 666 /dev/userfaultfd", Check(report, "creation.device").Remedy);
        Assert.Equal("sudo sysctl -w vm.unprivileged_userfaultfd=1", Check(report, "creation.syscall").Remedy);
        Assert.Null(Check(report, "creation.device.userOnly").Remedy); // told once
        Assert.Equal(HostCheckStatus.Limited, Check(report, "privilege.fork").Status);
        Assert.Equal(ExitCodes.Done, DoctorVerdict.ExitCode(report));
        Assert.Contains("user mode only", DoctorVerdict.Of(report), StringComparison.Ordinal);
    }

    [Fact]
    public void A_container_whose_filter_refuses_is_not_sent_to_the_sysctl()
    {
        HostReport report = Docker();
        Assert.Equal("docker run --device /dev/userfaultfd ...", Check(report, "creation.device").Remedy);
        Assert.Equal("docker run --security-opt seccomp=unconfined ...", Check(report, "creation.syscall").Remedy);
        Assert.Equal(HostCheckStatus.Limited, Check(report, "privilege.seccomp").Status);
        Assert.Equal("docker run --cap-add SYS_PTRACE ...", Check(report, "privilege.fork").Remedy);
        Assert.Equal(ExitCodes.NotAllowed, DoctorVerdict.ExitCode(report));
    }

    [Fact]
    public void A_host_that_shows_nothing_still_gives_a_report()
    {
        HostReport report = Nothing();
        Assert.All(report.FeatureList, feature => Assert.Null(feature.IsAvailable));
        Assert.Equal(HostCheckStatus.Failed, Check(report, "kernel.userfaultfd").Status);
        Assert.Equal(ExitCodes.NotAllowed, DoctorVerdict.ExitCode(report));
        var text = new StringWriter();
        DoctorText.Write(report, text);
        Assert.Contains("does not allow it", text.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_failed_self_test_is_a_failure_and_not_a_refusal()
    {
        HostReport report = Healthy with { SelfTest = Refused with { Failure = "a page arrived with other content" } };
        Assert.Equal("a page arrived with other content", Check(report, "paging").Finding);
        Assert.Equal(ExitCodes.Failed, DoctorVerdict.ExitCode(report));
    }

    [Fact]
    public void Features_of_a_newer_kernel_are_kept_and_those_of_an_older_one_named()
    {
        HostReport report = Healthy with { Features = (UffdFeatures)((1UL << 20) | 0xFFFF) };
        Assert.Equal("bit 20", report.FeatureList[^1].Info.KernelName);
        Assert.True(report.FeatureList[^1].IsAvailable);
        Assert.False(report.FeatureList.Single(feature => feature.Info.Feature == UffdFeatures.Move).IsAvailable);
        HostCheck check = Check(report, "kernel.features");
        Assert.Equal("16 of 19, and 1 that came after this program", check.Finding);
        Assert.Contains("MOVE (Linux 6.8)", check.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void Features_that_nothing_here_uses_are_not_missed()
    {
        HostCheck check = Check(Healthy, "kernel.features");
        Assert.Equal((HostCheckStatus.Good, "17 of 19, all that this program can use"), (check.Status, check.Finding));
        UffdFeatures all = UffdFeatureInfo.All.Aggregate(UffdFeatures.None, (bits, info) => bits | info.Feature);
        Assert.Equal("all 19", Check(Healthy with { Features = all }, "kernel.features").Finding);
    }

    [Fact]
    public void Attaching_to_others_is_explained_with_the_command()
    {
        HostCheck own = Check(User(), "process.attach");
        Assert.Equal((HostCheckStatus.Note, "sudo uffd ..."), (own.Status, own.Remedy));
        Assert.Equal("docker run --cap-add SYS_PTRACE ...", Check(Docker(), "process.attach").Remedy);
        Assert.Equal("docker run --security-opt seccomp=unconfined ...", Check(Docker() with { PtraceAnswer = Errno.EPERM }, "process.attach").Remedy);
        Assert.Contains("pidfd_getfd", Check(Healthy with { PidfdGetfdAnswer = Errno.ENOSYS }, "process.attach").Finding, StringComparison.Ordinal);
        Assert.Equal(HostCheckStatus.Limited, Check(User() with { YamaPtraceScope = 1 }, "process.attach").Status);
        Assert.Equal(HostCheckStatus.Limited, Check(User() with { YamaPtraceScope = 2 }, "process.attach").Status);
        Assert.Equal(HostCheckStatus.Limited, Check(Healthy with { YamaPtraceScope = 3 }, "process.attach").Status);
        Assert.Equal(HostCheckStatus.Good, Check(Healthy with { YamaPtraceScope = 2 }, "process.attach").Status);
        Assert.Equal(HostCheckStatus.Note, Check(Healthy with { HasCapSysPtrace = null }, "process.attach").Status);
    }

    [Fact]
    public void Filters_and_kernels_that_hinder_snapshots_are_told()
    {
        Assert.Contains("CAP_SYS_ADMIN", Check(User(), "process.filtered").Finding, StringComparison.Ordinal);
        Assert.Contains("itself", Check(Healthy with { SeccompMode = 2 }, "process.filtered").Finding, StringComparison.Ordinal);
        Assert.Contains("6.7", Check(Healthy with { Features = (UffdFeatures)0x7FFF }, "process.track").Finding, StringComparison.Ordinal);
        Assert.Contains("PAGEMAP_SCAN", Check(Healthy with { HasPagemapScan = false }, "process.track").Finding, StringComparison.Ordinal);
        Assert.Contains("unknown", Check(Docker(), "process.track").Finding, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_that_change_what_paging_sees_come_with_the_command()
    {
        HostReport report = Healthy with
        {
            TransparentHugePages = "always",
            SharedTransparentHugePages = "within_size",
            KsmRun = 1,
            HugePages2MiB = new HugePagePool(0, 0),
            OpenFiles = new ResourceLimit(256, 256),
        };
        Assert.All(
            ["memory.thp", "memory.thpShared", "memory.ksm", "memory.hugePages", "limit.openFiles"],
            id => Assert.NotNull(Check(report, id).Remedy));
        Assert.Equal(ExitCodes.Done, DoctorVerdict.ExitCode(report));
    }

    [Theory]
    [InlineData(0L, HostCheckStatus.Good)]
    [InlineData(1L, HostCheckStatus.Note)]
    [InlineData(2L, HostCheckStatus.Note)]
    [InlineData(3L, HostCheckStatus.Note)]
    [InlineData(null, HostCheckStatus.Good)]
    public void Yama_matters_to_who_has_no_capability(long? scope, HostCheckStatus expected)
        => Assert.Equal(expected, Check(User() with { YamaPtraceScope = scope }, "privilege.yama").Status);

    [Theory]
    [InlineData(Errno.ENOSYS, null, null, null, KernelSupport.Unknown)]
    [InlineData(Errno.ENOSYS, null, null, "# CONFIG_USERFAULTFD is not set", KernelSupport.NotBuiltIn)]
    [InlineData(Errno.ENOSYS, null, null, "CONFIG_USERFAULTFD=y", KernelSupport.BuiltIn)]
    [InlineData(Errno.ENOSYS, 0L, null, null, KernelSupport.BuiltIn)]
    [InlineData(Errno.EPERM, null, true, null, KernelSupport.BuiltIn)]
    [InlineData(Errno.EPERM, null, false, null, KernelSupport.Unknown)]
    [InlineData(Errno.EMFILE, null, null, null, KernelSupport.BuiltIn)]
    public void A_refusal_alone_does_not_prove_what_the_kernel_has(Errno answer, long? sysctl, bool? device, string? configuration, KernelSupport expected)
        => Assert.Equal(expected, HostInspection.SupportFrom(Answers(Errno.ENOENT, answer, Errno.ENOENT, answer), sysctl, device, () => configuration));

    [Fact]
    public void Files_that_are_not_there_or_not_files_read_as_nothing()
    {
        Assert.Null(HostInspection.Read("/proc/no/such/file"));
        Assert.Null(HostInspection.Read("/proc"));
    }

    [Fact]
    public void The_self_test_pages_for_real()
    {
        Requires.Paging();
        for (int round = 0; round < 20; round++)
        {
            PagingSelfTest test = PagingSelfTest.Run();
            Assert.Null(test.Failure);
            Assert.True(test is { Works: true, Pages: 16, Microseconds: > 0 });
            GC.Collect();
        }
    }

    private static HostCheck Check(HostReport report, string id) => report.Checks.Single(check => string.Equals(check.Id, id, StringComparison.Ordinal));

    private static HostReport User() => Healthy with
    {
        Creation = Answers(Errno.EACCES, Errno.EPERM, Errno.EACCES, Errno.None),
        HasCapSysPtrace = false,
        HasCapSysAdmin = false,
        CanFollowForks = false,
        EffectiveUserId = 1000,
    };

    private static HostReport Docker() => Healthy with
    {
        Creation = Answers(Errno.ENOENT, Errno.EPERM, Errno.ENOENT, Errno.EPERM),
        Features = null,
        Device = null,
        HasCapSysPtrace = false,
        CanFollowForks = null,
        SeccompMode = 2,
        SelfTest = Refused,
    };

    private static HostReport Nothing() => new()
    {
        KernelRelease = "4.4.0",
        Machine = "x86_64",
        Creation = Answers(Errno.ENOENT, Errno.ENOSYS, Errno.ENOENT, Errno.ENOSYS),
        SelfTest = Refused,
    };

    private static UffdCreationAttempt[] Answers(Errno device, Errno call, Errno deviceUser, Errno callUser) =>
    [
        new(UffdCreationMethod.Device, UffdFaultScope.UserAndKernel, device),
        new(UffdCreationMethod.SystemCall, UffdFaultScope.UserAndKernel, call),
        new(UffdCreationMethod.Device, UffdFaultScope.UserOnly, deviceUser),
        new(UffdCreationMethod.SystemCall, UffdFaultScope.UserOnly, callUser),
    ];
}
