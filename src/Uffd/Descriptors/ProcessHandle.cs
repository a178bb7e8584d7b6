using Uffd.Abi;
using Uffd.Interop;

namespace Uffd;

/// <summary>
/// A handle to a process that stays on that process even when its id is reused (pidfd_open(2), Linux 5.3). It becomes readable
/// to a poller when the process ends.
/// </summary>
public sealed unsafe class ProcessHandle : IDisposable
{
    internal ProcessHandle(SafeDescriptorHandle handle, int processId)
    {
        Handle = handle;
        ProcessId = processId;
    }

    /// <summary>The pidfd, to poll.</summary>
    public SafeDescriptorHandle Handle { get; }

    /// <summary>The process's id at the time of opening.</summary>
    public int ProcessId { get; }

    /// <summary>Opens a process.</summary>
    /// <param name="processId">Its id.</param>
    /// <returns>Null when there is no such process, also when the id is only a thread's.</returns>
    /// <exception cref="UffdException">Another failure: ENOSYS before Linux 5.3, EMFILE.</exception>
    public static ProcessHandle? TryOpen(int processId)
    {
        if (processId <= 0)
        {
            return null;
        }

        nint descriptor = LibC.SyscallPidfdOpen(SyscallAbi.SYS_pidfd_open, processId, 0);
        Errno errno = Kernel.LastErrno;
        return descriptor >= 0 ? new ProcessHandle(new SafeDescriptorHandle(descriptor), processId)
            : errno is Errno.ESRCH or Errno.EINVAL or Errno.ENOENT ? null // the last two: a thread that is no process, by kernel
            : throw new UffdException("pidfd_open", errno, errno == Errno.ENOSYS ? "it needs Linux 5.3" : null);
    }

    /// <summary>Takes a pidfd that another process handed over.</summary>
    /// <param name="pidfd">Owned from now on.</param>
    /// <param name="processId">The id that goes with it, for messages.</param>
    public static ProcessHandle FromDescriptor(SafeDescriptorHandle pidfd, int processId)
    {
        ArgumentNullException.ThrowIfNull(pidfd);
        return new ProcessHandle(pidfd, processId);
    }

    /// <summary>Whether the process has ended.</summary>
    public bool HasExited
    {
        get
        {
            bool held = false;
            try
            {
                Handle.DangerousAddRef(ref held);
                var poll = new pollfd { fd = (int)Handle.DangerousGetHandle(), events = DescriptorAbi.POLLIN };
                return LibC.Poll(&poll, 1, 0) > 0;
            }
            finally
            {
                if (held)
                {
                    Handle.DangerousRelease();
                }
            }
        }
    }

    /// <summary>Kills the process (SIGKILL).</summary>
    /// <returns><see cref="Errno.None"/>, or ESRCH when it has gone already, or EPERM.</returns>
    public Errno Kill()
    {
        bool held = false;
        try
        {
            Handle.DangerousAddRef(ref held);
            return LibC.SyscallPidfdSendSignal(SyscallAbi.SYS_pidfd_send_signal, Handle.DangerousGetHandle(), DescriptorAbi.SIGKILL, 0, 0) == 0
                ? Errno.None
                : Kernel.LastErrno;
        }
        finally
        {
            if (held)
            {
                Handle.DangerousRelease();
            }
        }
    }

    /// <summary>Closes the handle; the process goes on.</summary>
    public void Dispose() => Handle.Dispose();
}
