using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>One way of creating a userfaultfd, and what the kernel answered.</summary>
/// <param name="Method">The way.</param>
/// <param name="FaultScope">The kernel's faults too, or user mode's only.</param>
/// <param name="Errno">The answer; <see cref="Errno.None"/> when it works.</param>
public readonly record struct UffdCreationAttempt(UffdCreationMethod Method, UffdFaultScope FaultScope, Errno Errno)
{
    /// <summary>Whether this way works for this caller.</summary>
    public bool Works => Errno == Errno.None;

    /// <summary>The way as one would write it.</summary>
    public string Name => (Method, FaultScope) switch
    {
        (UffdCreationMethod.Device, UffdFaultScope.UserOnly) => $"{UserfaultfdFactory.DevicePath} (user mode only)",
        (UffdCreationMethod.Device, _) => UserfaultfdFactory.DevicePath,
        (_, UffdFaultScope.UserOnly) => "userfaultfd(UFFD_USER_MODE_ONLY)",
        _ => "userfaultfd()",
    };

    /// <summary>The command that would make this way work, or null when it works or nothing but another kernel helps.</summary>
    public string? Remedy => (Method, Errno) switch
    {
        (_, Errno.None) => null,
        (UffdCreationMethod.Device, Errno.EACCES) => $"sudo chmod 666 {UserfaultfdFactory.DevicePath}",
        (UffdCreationMethod.SystemCall, Errno.EPERM) when FaultScope != UffdFaultScope.UserOnly
            => "sudo sysctl -w vm.unprivileged_userfaultfd=1",
        (_, Errno.EMFILE) => "ulimit -n 65536",
        _ => null,
    };
}

/// <summary>Gets new userfaultfd descriptors, by every way there is.</summary>
internal static class UserfaultfdFactory
{
    public const string DevicePath = "/dev/userfaultfd";

    private static readonly UffdFaultScope[] Scopes = [UffdFaultScope.UserAndKernel, UffdFaultScope.UserOnly];
    private static readonly UffdCreationMethod[] Methods = [UffdCreationMethod.Device, UffdCreationMethod.SystemCall];

    /// <summary>The ways in the order of preference: the kernel's faults before user mode's, the device before the call.</summary>
    public static IEnumerable<(UffdCreationMethod Method, UffdFaultScope Scope)> Ways(UffdCreationMethod method, UffdFaultScope scope)
    {
        foreach (UffdFaultScope wantedScope in Scopes)
        {
            foreach (UffdCreationMethod wantedMethod in Methods)
            {
                if ((scope == UffdFaultScope.Any || scope == wantedScope) && (method == UffdCreationMethod.Any || method == wantedMethod))
                {
                    yield return (wantedMethod, wantedScope);
                }
            }
        }
    }

    /// <summary>Tries one way. The handle is null when it failed.</summary>
    public static UffdCreationAttempt Try(UffdCreationMethod method, UffdFaultScope scope, bool nonBlocking, out SafeUserfaultfdHandle? handle)
    {
        int flags = DescriptorAbi.O_CLOEXEC
            | (nonBlocking ? DescriptorAbi.O_NONBLOCK : 0)
            | (scope == UffdFaultScope.UserOnly ? UserfaultfdAbi.UFFD_USER_MODE_ONLY : 0);
        nint descriptor;
        Errno errno;
        if (method == UffdCreationMethod.Device)
        {
            nint device = LibC.Open(DevicePath, DescriptorAbi.O_RDWR | DescriptorAbi.O_CLOEXEC);
            errno = Kernel.LastErrno;
            descriptor = -1;
            if (device >= 0)
            {
                using var deviceHandle = new SafeDescriptorHandle(device);
                descriptor = LibC.IoctlFlags(deviceHandle, UserfaultfdAbi.USERFAULTFD_IOC_NEW, flags);
                errno = Kernel.LastErrno;
            }
        }
        else
        {
            descriptor = LibC.SyscallUserfaultfd(SyscallAbi.SYS_userfaultfd, flags);
            errno = Kernel.LastErrno;
        }

        handle = descriptor < 0 ? null : new SafeUserfaultfdHandle(descriptor);
        return new UffdCreationAttempt(method, scope, handle is null ? errno : Errno.None);
    }

    /// <summary>Creates by the first way that works.</summary>
    /// <exception cref="UffdException">None works: says what was tried, what each answered, and what would allow it.</exception>
    public static SafeUserfaultfdHandle Create(UserfaultfdOptions options, out UffdCreationAttempt used)
    {
        var failed = new List<UffdCreationAttempt>();
        foreach ((UffdCreationMethod method, UffdFaultScope scope) in Ways(options.Method, options.FaultScope))
        {
            UffdCreationAttempt attempt = Try(method, scope, options.NonBlocking, out SafeUserfaultfdHandle? handle);
            if (handle is not null)
            {
                used = attempt;
                return handle;
            }

            failed.Add(attempt);
        }

        throw Refused(failed);
    }

    /// <summary>The one-line error when every way was refused.</summary>
    public static UffdException Refused(IReadOnlyCollection<UffdCreationAttempt> failed)
    {
        string tried = string.Join(", ", failed.Select(attempt => $"{attempt.Name}: {UffdException.Describe(attempt.Errno)}"));
        string remedies = string.Join(" or ", failed.Select(attempt => attempt.Remedy).OfType<string>().Distinct(StringComparer.Ordinal));
        string advice = remedies.Length > 0
            ? $"to allow it: {remedies}"
            : "this kernel was built without CONFIG_USERFAULTFD, or a seccomp filter forbids it";
        return new UffdException($"cannot create a userfaultfd (tried {tried}); {advice}")
        {
            // Short of descriptors or memory is another matter: that passes.
            IsUnavailable = failed.All(attempt => attempt.Errno is not (Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM)),
        };
    }
}
