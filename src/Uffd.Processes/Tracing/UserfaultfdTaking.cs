using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd.Processes;

/// <summary>Has a thread of another process create a userfaultfd, fetches it, and has it closed there. On the tracing thread.</summary>
internal sealed class UserfaultfdTaking
{
    private const int Flags = UserfaultfdAbi.UFFD_USER_MODE_ONLY | DescriptorAbi.O_CLOEXEC | DescriptorAbi.O_NONBLOCK;
    private static bool _isRehearsed;

    private readonly ProcessHandle _process;
    private readonly TargetFiles _files;
    private readonly bool _suspendSeccomp;
    private long _answer;
    private Errno _fetchErrno;
    private SafeDescriptorHandle? _descriptor;

    public UserfaultfdTaking(ProcessHandle process, TargetFiles files, bool suspendSeccomp)
    {
        _process = process;
        _files = files;
        _suspendSeccomp = suspendSeccomp;
    }

    /// <summary>Whether a thread is seized that no request lets go of: the tracing thread has to end for it.</summary>
    public bool HasRemains { get; private set; }

    /// <summary>Does it.</summary>
    /// <param name="sinceLastStop">For <see cref="RestartRules.Amend"/>.</param>
    /// <param name="pause">How long the thread stood.</param>
    /// <returns>The descriptor, whose handshake is not done.</returns>
    public SafeDescriptorHandle Run(TimeSpan? sinceLastStop, out TimeSpan pause)
    {
        if (!RestartRules.AreKnown)
        {
            throw new UffdException("a userfaultfd can be taken from another process on x86-64 alone") { IsUnavailable = true };
        }

        int thread = _files.FindLivingThread() ?? throw Tracee.Ended(_process.ProcessId);
        IReadOnlyList<MappedRegion> maps = MemoryMap.Read(_process.ProcessId).Regions;
        RefuseShadowStack(thread);
        DeadStack stack = DeadStack.Find(maps) ?? throw Refuse("it has no mapping [stack]", null);
        Restorer restorer = Restorer.Find(_files, maps)
            ?? throw Refuse("its code nowhere returns from a signal handler (mov $15, %eax; syscall), which is what would restore it", null);
        using ProcessHandle? pidfd = thread == _process.ProcessId ? null : OpenThread(thread);
        nint pidfdNumber = (pidfd ?? _process).Handle.DangerousGetHandle(); // both outlive this call

        var seized = new SeizedThread(_files, thread);
        var calls = new RemoteCalls(_files, seized, restorer, stack);
        Rehearse(restorer, stack);
        using (CollectionPause.Begin())
        {
            int options = PtraceAbi.PTRACE_O_TRACESYSGOOD | PtraceAbi.PTRACE_O_TRACEEXEC | (_suspendSeccomp ? PtraceAbi.PTRACE_O_SUSPEND_SECCOMP : 0);
            Errno errno = Ptrace.Seize(thread, options);
            if (errno != Errno.None)
            {
                throw errno == Errno.EPERM && _suspendSeccomp
                    ? Refuse("its seccomp filter cannot be suspended for the one call (PTRACE_O_SUSPEND_SECCOMP)", "run as root (CAP_SYS_ADMIN)")
                    : Tracee.SeizeFailure(_process.ProcessId, errno);
            }

            TraceSteps.Done("seized");
            long start = Stopwatch.GetTimestamp();
            try
            {
                Work(seized, calls, pidfdNumber, sinceLastStop);
            }
            finally
            {
                seized.Release();
                pause = Stopwatch.GetElapsedTime(start);
                HasRemains = seized.IsStuck || seized.End != StopKind.Running;
            }

            TraceSteps.Done("released");
        }

        return _descriptor ?? throw Failure(seized, calls);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Work(SeizedThread seized, RemoteCalls calls, nint pidfd, TimeSpan? sinceLastStop)
    {
        if (!seized.Halt())
        {
            return;
        }

        TraceSteps.Done("halted");
        if (calls.Prepare(sinceLastStop) && calls.Call(SyscallAbi.SYS_userfaultfd_x86_64, Flags, out _answer) && _answer >= 0)
        {
            nint fetched = LibC.SyscallPidfdGetfd(PtraceAbi.SYS_pidfd_getfd, pidfd, (nint)_answer, 0);
            _fetchErrno = fetched >= 0 ? Errno.None : Kernel.LastErrno;
            _descriptor = fetched >= 0 ? new SafeDescriptorHandle(fetched) : null;
            TraceSteps.Done("fetched");
            calls.Call(PtraceAbi.SYS_close_x86_64, (ulong)_answer, out _);
            TraceSteps.Done("closed");
        }

        calls.Restore();
    }

    /// <summary>Everything that will be done while the thread stands is done once with none, so that it is compiled and bound.</summary>
    private void Rehearse(Restorer restorer, DeadStack stack)
    {
        if (_isRehearsed)
        {
            return;
        }

        const int none = -1;
        TraceSteps.IsRehearsal = true;
        var seized = new SeizedThread(_files, none);
        var calls = new RemoteCalls(_files, seized, restorer, stack);
        Work(seized, calls, none, sinceLastStop: null);
        LibC.SyscallPidfdGetfd(PtraceAbi.SYS_pidfd_getfd, none, none, 0);
        calls.Rehearse();
        seized.Run();
        seized.Release();
        TraceSteps.IsRehearsal = false;
        _answer = 0;
        _fetchErrno = Errno.None;
        _isRehearsed = true;
    }

    private ProcessHandle OpenThread(int thread)
    {
        nint descriptor = LibC.SyscallPidfdOpen(SyscallAbi.SYS_pidfd_open, thread, PtraceAbi.PIDFD_THREAD);
        Errno errno = Kernel.LastErrno;
        return descriptor >= 0 ? new ProcessHandle(new SafeDescriptorHandle(descriptor), thread)
            : errno == Errno.ESRCH ? throw Tracee.Ended(_process.ProcessId)
            : throw new UffdException("its first thread has ended, and another's descriptors cannot be fetched (pidfd_open, PIDFD_THREAD)", errno, "it needs Linux 6.9");
    }

    private void RefuseShadowStack(int thread)
    {
        string? status = TargetFiles.TryReadText(string.Create(CultureInfo.InvariantCulture, $"/proc/{_process.ProcessId}/task/{thread}/status"));
        foreach (string line in status?.Split('\n') ?? [])
        {
            if (line.StartsWith("x86_Thread_features:", StringComparison.Ordinal) && line.Contains("shstk", StringComparison.Ordinal))
            {
                throw Refuse("it has a shadow stack, on which a return from a signal must have been entered", "start it with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off");
            }
        }
    }

    private UffdException Refuse(string why, string? remedy)
        => new(string.Create(CultureInfo.InvariantCulture, $"no userfaultfd can be taken from process {_process.ProcessId}: {why}{(remedy is null ? "" : "; ")}{remedy}")) { IsUnavailable = true };

    private UffdException Failure(SeizedThread seized, RemoteCalls calls)
    {
        if (seized.End == StopKind.Executed)
        {
            return new UffdException(string.Create(CultureInfo.InvariantCulture, $"process {_process.ProcessId} replaced its program (execve) meanwhile; try again"));
        }

        if (seized.End == StopKind.Gone)
        {
            return Tracee.Ended(_process.ProcessId);
        }

        if (seized.IsStuck)
        {
            return Tracee.Stuck(_files, seized.ThreadId);
        }

        if (calls.Obstacle is { } obstacle)
        {
            return calls.Errno == Errno.None ? Refuse(obstacle, null)
                : new UffdException(string.Create(CultureInfo.InvariantCulture, $"no userfaultfd can be taken from process {_process.ProcessId}: {obstacle}"), calls.Errno);
        }

        if (_answer < 0)
        {
            var errno = (Errno)(int)-_answer;
            string? remedy = errno switch
            {
                Errno.EMFILE => string.Create(CultureInfo.InvariantCulture, $"raise its limit: prlimit --pid {_process.ProcessId} --nofile=65536"),
                Errno.ENOSYS => "this kernel was built without CONFIG_USERFAULTFD",
                Errno.EPERM or Errno.EACCES => "a security module or a seccomp filter forbids it to that process",
                _ => null,
            };
            return new UffdException(string.Create(CultureInfo.InvariantCulture, $"userfaultfd(2), run in process {_process.ProcessId}"), errno, remedy);
        }

        return new UffdException("pidfd_getfd", _fetchErrno, _fetchErrno == Errno.EMFILE ? "raise this program's limit: ulimit -n 65536" : null);
    }
}
