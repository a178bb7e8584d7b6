using System.Runtime.CompilerServices;
using Uffd.Abi;

namespace Uffd.Processes;

/// <summary>One thread of another process between PTRACE_SEIZE and PTRACE_DETACH. Of the tracing thread alone.</summary>
internal sealed class SeizedThread
{
    private readonly TargetFiles _files;
    private bool _stands;

    public SeizedThread(TargetFiles files, int thread)
    {
        _files = files;
        ThreadId = thread;
    }

    public int ThreadId { get; }

    /// <summary>Whether it has ended, or has become another program.</summary>
    public StopKind End { get; private set; }

    /// <summary>Whether it could not be made to stand: it can be let go of only by the end of the tracing thread.</summary>
    public bool IsStuck { get; private set; }

    /// <summary>Has it stand for nothing but the asking. Signals that come first are delivered.</summary>
    /// <returns>Whether it stands.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Halt()
    {
        Ptrace.Interrupt(ThreadId);
        return WaitFor(StopKind.Interrupted, PtraceAbi.PTRACE_CONT);
    }

    /// <summary>Has a thread that stands at a call go on until it would run the program's code again.</summary>
    /// <returns>Whether it stands.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool HaltAfterCall()
    {
        Ptrace.Interrupt(ThreadId);
        if (_stands)
        {
            Resume(PtraceAbi.PTRACE_CONT, 0);
        }

        return WaitFor(StopKind.Interrupted, PtraceAbi.PTRACE_CONT);
    }

    /// <summary>Lets it run to the next entry or exit of a system call.</summary>
    /// <returns>Whether it stands there.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool RunToSyscall()
    {
        Resume(PtraceAbi.PTRACE_SYSCALL, 0);
        return WaitFor(StopKind.Syscall, PtraceAbi.PTRACE_SYSCALL);
    }

    /// <summary>Lets it run freely, and still seized.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run() => Resume(PtraceAbi.PTRACE_CONT, 0);

    /// <summary>Lets go of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Release()
    {
        if (_stands && Ptrace.Detach(ThreadId, 0) != Errno.None)
        {
            End = StopKind.Gone;
        }

        _stands = false;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool WaitFor(StopKind wanted, int request)
    {
        long deadline = StopWaiter.Deadline();
        while (true)
        {
            ThreadStop stop = StopWaiter.Wait(_files, ThreadId, deadline);
            _stands = stop.Kind is not (StopKind.Running or StopKind.Gone);
            switch (stop.Kind)
            {
                case StopKind.Running:
                    IsStuck = true;
                    return false;
                case StopKind.Gone:
                    End = StopKind.Gone;
                    return false;
                case StopKind.Executed:
                    End = StopKind.Executed;
                    return false;
                case StopKind.Signal when wanted == StopKind.Syscall
                    && stop.Signal is PtraceAbi.SIGSEGV or PtraceAbi.SIGBUS or PtraceAbi.SIGILL or PtraceAbi.SIGTRAP or PtraceAbi.SIGSYS:
                    return false; // only the code that was run for us can have brought it: it is not the program's
                default:
                    if (stop.Kind == wanted)
                    {
                        return true;
                    }

                    if (wanted == StopKind.Interrupted)
                    {
                        Ptrace.Interrupt(ThreadId); // any stop takes the asking away
                    }

                    Resume(request, stop.Signal);
                    break;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Resume(int request, int signal)
    {
        Ptrace.Resume(ThreadId, request, signal);
        _stands = false;
    }
}
