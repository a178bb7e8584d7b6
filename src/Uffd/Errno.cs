namespace Uffd;

/// <summary>
/// The error numbers that this library's calls answer with (errno(3)). They have one value on x86-64 and arm64; a number
/// without a name here is kept as it is.
/// </summary>
public enum Errno
{
    /// <summary>No error.</summary>
    None = 0,

    /// <summary>Not permitted: a capability, a sysctl or a seal stands against it.</summary>
    EPERM = 1,

    /// <summary>No such file; from a fill: the range is not inside one registered mapping.</summary>
    ENOENT = 2,

    /// <summary>The target process has exited: its address space is gone.</summary>
    ESRCH = 3,

    /// <summary>Interrupted by a signal.</summary>
    EINTR = 4,

    /// <summary>Input/output error; from Continue: the page is hardware-poisoned.</summary>
    EIO = 5,

    /// <summary>Bad file descriptor.</summary>
    EBADF = 9,

    /// <summary>Try again: nothing to read, or the address space is changing because an event is unread.</summary>
    EAGAIN = 11,

    /// <summary>Out of memory.</summary>
    ENOMEM = 12,

    /// <summary>Permission denied by a file's mode.</summary>
    EACCES = 13,

    /// <summary>Bad address; from Copy: the source cannot be read, a mapped file was cut short for one.</summary>
    EFAULT = 14,

    /// <summary>Busy; from Register: another userfaultfd has the range; from Move: the page is shared or pinned.</summary>
    EBUSY = 16,

    /// <summary>The page is there already.</summary>
    EEXIST = 17,

    /// <summary>No such device.</summary>
    ENODEV = 19,

    /// <summary>Not a directory.</summary>
    ENOTDIR = 20,

    /// <summary>Invalid argument: misaligned, unknown flag, or not possible for this kind of memory.</summary>
    EINVAL = 22,

    /// <summary>The system has too many open files.</summary>
    ENFILE = 23,

    /// <summary>This process has too many open files.</summary>
    EMFILE = 24,

    /// <summary>The descriptor does not know this call: not a userfaultfd, or a kernel too old for it.</summary>
    ENOTTY = 25,

    /// <summary>The file would be longer than the process or the file system may have it.</summary>
    EFBIG = 27,

    /// <summary>No space left.</summary>
    ENOSPC = 28,

    /// <summary>The other side has closed.</summary>
    EPIPE = 32,

    /// <summary>This kernel has no such system call.</summary>
    ENOSYS = 38,

    /// <summary>This kernel has no such socket option.</summary>
    ENOPROTOOPT = 92,

    /// <summary>Not supported.</summary>
    EOPNOTSUPP = 95,

    /// <summary>The address is taken.</summary>
    EADDRINUSE = 98,

    /// <summary>The connection was reset by the other side.</summary>
    ECONNRESET = 104,

    /// <summary>Nobody listens there.</summary>
    ECONNREFUSED = 111,

    /// <summary>The quota of the file's owner is used up.</summary>
    EDQUOT = 122,
}
