using System.Runtime.InteropServices;

namespace Uffd.Tests.Creation;

/// <summary>What callers are told who may not have what they asked for.</summary>
public partial class RefusalTests
{
    [Fact]
    public void Refusal_tells_what_was_tried_and_what_would_allow_it()
    {
        UffdException exception = UserfaultfdFactory.Refused(
        [
            new UffdCreationAttempt(UffdCreationMethod.Device, UffdFaultScope.UserAndKernel, Errno.EACCES),
            new UffdCreationAttempt(UffdCreationMethod.SystemCall, UffdFaultScope.UserAndKernel, Errno.EPERM),
        ]);
        Assert.Contains("/dev/userfaultfd: EACCES", exception.Message, StringComparison.Ordinal);
        Assert.Contains("userfaultfd(): EPERM", exception.Message, StringComparison.Ordinal);
        Assert.Contains("sudo chmod 666 /dev/userfaultfd or sudo sysctl -w vm.unprivileged_userfaultfd=1", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
    }

    [Fact]
    public void Same_remedy_is_told_once()
    {
        UffdException exception = UserfaultfdFactory.Refused(
        [
            new UffdCreationAttempt(UffdCreationMethod.Device, UffdFaultScope.UserAndKernel, Errno.EMFILE),
            new UffdCreationAttempt(UffdCreationMethod.SystemCall, UffdFaultScope.UserOnly, Errno.EMFILE),
        ]);
        Assert.Equal(2, exception.Message.Split("ulimit").Length);
    }

    [Fact]
    public void Kernel_without_userfaultfd_has_no_remedy()
    {
        UffdException exception = UserfaultfdFactory.Refused(
        [
            new UffdCreationAttempt(UffdCreationMethod.Device, UffdFaultScope.UserOnly, Errno.ENOENT),
            new UffdCreationAttempt(UffdCreationMethod.SystemCall, UffdFaultScope.UserOnly, Errno.ENOSYS),
        ]);
        Assert.Contains("/dev/userfaultfd (user mode only): ENOENT", exception.Message, StringComparison.Ordinal);
        Assert.Contains("userfaultfd(UFFD_USER_MODE_ONLY): ENOSYS", exception.Message, StringComparison.Ordinal);
        Assert.Contains("CONFIG_USERFAULTFD", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_gets_user_mode_faults_by_default()
    {
        UffdFaultScope? scope = await AsNobody(() =>
        {
            using Userfaultfd userfaultfd = Userfaultfd.Create();
            return userfaultfd.FaultScope;
        });
        Assert.Equal(UffdFaultScope.UserOnly, scope);
    }

    [Fact]
    public async Task Nobody_is_refused_the_kernels_faults_with_both_remedies()
    {
        UffdException exception = await AsNobody(() => Assert.Throws<UffdException>(
            () => Userfaultfd.Create(new UserfaultfdOptions { FaultScope = UffdFaultScope.UserAndKernel })));
        Assert.Contains("userfaultfd(): EPERM", exception.Message, StringComparison.Ordinal);
        Assert.Contains("vm.unprivileged_userfaultfd=1", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_loses_an_optional_fork_event_and_keeps_the_rest()
    {
        Requires.Features(UffdFeatures.EventFork | UffdFeatures.EventRemove);
        UffdFeatures features = await AsNobody(() =>
        {
            using Userfaultfd userfaultfd = Userfaultfd.Create(new UserfaultfdOptions
            {
                OptionalFeatures = UffdFeatures.EventFork,
                RequiredFeatures = UffdFeatures.EventRemove,
            });
            return userfaultfd.Features;
        });
        Assert.Equal(UffdFeatures.EventRemove, features);
    }

    [Fact]
    public async Task Nobody_is_told_what_a_required_fork_event_needs()
    {
        Requires.Features(UffdFeatures.EventFork);
        UffdException exception = await AsNobody(() => Assert.Throws<UffdException>(
            () => Userfaultfd.Create(new UserfaultfdOptions { RequiredFeatures = UffdFeatures.EventFork })));
        Assert.Equal(Errno.EPERM, exception.Errno);
        Assert.Contains("CAP_SYS_PTRACE", exception.Message, StringComparison.Ordinal);
    }

    /// <summary>
    /// Runs something as the user nobody, on a thread of its own: to the kernel each thread has its own user, and only the C
    /// library's functions change them all.
    /// </summary>
    private static Task<T> AsNobody<T>(Func<T> action)
    {
        Requires.Root();
        Requires.That(File.ReadAllText("/proc/sys/vm/unprivileged_userfaultfd").Trim() is "0", "vm.unprivileged_userfaultfd allows everybody everything here");
        return NativeTouch.Run(() =>
        {
            nint number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 147 : 117; // setresuid
            const nint Nobody = 65534;
            Assert.Equal(0, SetUsers(number, Nobody, Nobody, saved: 0));
            try
            {
                return action();
            }
            finally
            {
                // Threads inherit the user of the one that starts them: nothing that outlives the test may start as nobody.
                Assert.Equal(0, SetUsers(number, 0, 0, 0));
            }
        });
    }

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SetUsers(nint number, nint real, nint effective, nint saved);
}
