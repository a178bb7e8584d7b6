namespace Uffd;

/// <summary>The ways to get a userfaultfd.</summary>
public enum UffdCreationMethod
{
    /// <summary>Whichever this caller may use.</summary>
    Any,

    /// <summary><c>/dev/userfaultfd</c> (Linux 6.1): access is decided by the file's mode alone.</summary>
    Device,

    /// <summary>userfaultfd(2): needs CAP_SYS_PTRACE, <c>vm.unprivileged_userfaultfd=1</c>, or user-mode faults only.</summary>
    SystemCall,
}

/// <summary>Which faults a userfaultfd handles.</summary>
public enum UffdFaultScope
{
    /// <summary>Those of the kernel too where the caller may have them, else those of user mode.</summary>
    Any,

    /// <summary>Those taken in the kernel too (a read(2) into missing memory waits). Needs privilege.</summary>
    UserAndKernel,

    /// <summary>
    /// Those taken in user mode only (UFFD_USER_MODE_ONLY, 5.11): any user may. A system call that touches missing memory
    /// fails with EFAULT and sends no message.
    /// </summary>
    UserOnly,
}

/// <summary>How to create a <see cref="Userfaultfd"/>.</summary>
public sealed record UserfaultfdOptions
{
    /// <summary>Features without which creation fails, naming those that are missing. Default: none.</summary>
    public UffdFeatures RequiredFeatures { get; init; }

    /// <summary>
    /// Features asked for where the kernel and the caller's privileges have them; look at <see cref="Userfaultfd.Features"/>
    /// for what came of it. Default: none.
    /// </summary>
    public UffdFeatures OptionalFeatures { get; init; }

    /// <summary>The way of creation. Default: whichever works.</summary>
    public UffdCreationMethod Method { get; init; }

    /// <summary>Which faults to handle. Default: the kernel's too where allowed.</summary>
    public UffdFaultScope FaultScope { get; init; }

    /// <summary>
    /// Whether reading returns at once when nothing waits. Default: true. With false, poll(2) always reports an error on the
    /// descriptor (Linux), so only blocking reads work.
    /// </summary>
    public bool NonBlocking { get; init; } = true;
}
