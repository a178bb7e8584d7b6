using System.Runtime.CompilerServices;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd.Processes;

/// <summary>
/// The requests of ptrace(2) that are used here, each one call with the kernel's answer. Only the thread that seized a thread may make them. Nothing
/// is allocated, and everything is compiled fully at once, since threads of others stand meanwhile.
/// </summary>
internal static unsafe class Ptrace
{
    private static readonly nint Number = PtraceAbi.SYS_ptrace;
    private static readonly nint WaitNumber = PtraceAbi.SYS_waitid;

    public static Errno Seize(int thread, int options) => Request(PtraceAbi.PTRACE_SEIZE, thread, 0, (void*)options);

    public static Errno Interrupt(int thread) => Request(PtraceAbi.PTRACE_INTERRUPT, thread, 0, null);

    /// <summary>Lets a thread that stands go on.</summary>
    /// <param name="thread">It.</param>
    /// <param name="request">PTRACE_CONT, or PTRACE_SYSCALL to have it stand at the next system call's entry or exit.</param>
    /// <param name="signal">The signal for whose delivery it stood, or 0.</param>
    public static Errno Resume(int thread, int request, int signal) => Request(request, thread, 0, (void*)signal);

    public static Errno Detach(int thread, int signal) => Request(PtraceAbi.PTRACE_DETACH, thread, 0, (void*)signal);

    /// <summary>Reads a register set.</summary>
    /// <param name="thread">A thread that stands.</param>
    /// <param name="set">NT_PRSTATUS and others.</param>
    /// <param name="buffer">Receives it.</param>
    /// <param name="length">The buffer's length before, the set's after.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Errno GetRegisterSet(int thread, int set, void* buffer, ref int length)
    {
        var vector = new iovec { iov_base = buffer, iov_len = (nuint)length };
        Errno errno = Request(PtraceAbi.PTRACE_GETREGSET, thread, set, &vector);
        length = errno == Errno.None ? (int)vector.iov_len : 0;
        return errno;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Errno GetRegisters(int thread, user_regs_struct_x86_64* registers)
    {
        int length = sizeof(user_regs_struct_x86_64);
        Errno errno = GetRegisterSet(thread, PtraceAbi.NT_PRSTATUS, registers, ref length);
        return errno != Errno.None || length == sizeof(user_regs_struct_x86_64) ? errno : Errno.EINVAL; // shorter: a 32-bit program
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Errno SetRegisters(int thread, user_regs_struct_x86_64* registers)
    {
        var vector = new iovec { iov_base = registers, iov_len = (nuint)sizeof(user_regs_struct_x86_64) };
        return Request(PtraceAbi.PTRACE_SETREGSET, thread, PtraceAbi.NT_PRSTATUS, &vector);
    }

    public static Errno GetSignalMask(int thread, ulong* mask) => Request(PtraceAbi.PTRACE_GETSIGMASK, thread, sizeof(ulong), mask);

    public static Errno SetSignalMask(int thread, ulong mask) => Request(PtraceAbi.PTRACE_SETSIGMASK, thread, sizeof(ulong), &mask);

    /// <summary>Reads the siginfo_t of a stop, 128 bytes.</summary>
    /// <param name="thread">A thread that stands.</param>
    /// <param name="information">Receives it.</param>
    public static Errno GetSignalInformation(int thread, void* information) => Request(PtraceAbi.PTRACE_GETSIGINFO, thread, 0, information);

    public static Errno GetSyscall(int thread, ptrace_syscall_info* information)
        => Request(PtraceAbi.PTRACE_GET_SYSCALL_INFO, thread, sizeof(ptrace_syscall_info), information);

    public static Errno GetRestartableSequence(int thread, ptrace_rseq_configuration* configuration)
        => Request(PtraceAbi.PTRACE_GET_RSEQ_CONFIGURATION, thread, sizeof(ptrace_rseq_configuration), configuration);

    public static Errno GetSyscallUserDispatch(int thread, ptrace_sud_config* configuration)
        => Request(PtraceAbi.PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, thread, sizeof(ptrace_sud_config), configuration);

    /// <summary>Reads a word of the thread's memory.</summary>
    /// <param name="thread">A thread that stands.</param>
    /// <param name="address">Where.</param>
    /// <param name="word">Receives it.</param>
    public static Errno Peek(int thread, ulong address, ulong* word) => Request(PtraceAbi.PTRACE_PEEKDATA, thread, unchecked((nint)address), word);

    /// <summary>
    /// Looks whether a thread stands, without waiting. The status is left where it is, and where another thread of this program has taken it (.NET asks for
    /// the ends of its children, and is told the stops of those that are traced), the stop's siginfo says the same.
    /// </summary>
    /// <param name="thread">A thread that was seized.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ThreadStop Look(int thread)
    {
        int* information = stackalloc int[32];
        new Span<int>(information, 32).Clear();
        const int options = PtraceAbi.WEXITED | PtraceAbi.WSTOPPED | PtraceAbi.WNOHANG | PtraceAbi.WNOWAIT | PtraceAbi.__WALL;
        if (LibC.SyscallWaitId(WaitNumber, PtraceAbi.P_PID, thread, information, options, 0) < 0)
        {
            return Kernel.LastErrno == Errno.EINTR ? default : new ThreadStop(StopKind.Gone, 0); // ECHILD: another reaped it, or exec gave its id away
        }

        const int code = 2;
        const int processId = 4;
        if (information[processId] != 0)
        {
            const int status = 6;
            return information[code] is PtraceAbi.CLD_TRAPPED or PtraceAbi.CLD_STOPPED
                ? ThreadStop.FromStatus(information[status])
                : new ThreadStop(StopKind.Gone, 0);
        }

        return GetSignalInformation(thread, information) == Errno.None
            ? ThreadStop.FromSignalInformation(information[0], information[code])
            : default;
    }

    /// <summary>Takes the end of a thread away from the kernel's list, so that the process's own parent is told of it.</summary>
    /// <param name="thread">A thread that was seized and has ended.</param>
    public static void Reap(int thread)
    {
        int* information = stackalloc int[32];
        LibC.SyscallWaitId(WaitNumber, PtraceAbi.P_PID, thread, information, PtraceAbi.WEXITED | PtraceAbi.WNOHANG | PtraceAbi.__WALL, 0);
    }

    /// <summary>Makes every request of a thread that there is none of, so that all are compiled.</summary>
    public static void Rehearse()
    {
        const int none = -1;
        ulong word;
        ptrace_syscall_info call;
        ptrace_rseq_configuration sequence;
        ptrace_sud_config dispatch;
        user_regs_struct_x86_64 registers;
        int length = sizeof(user_regs_struct_x86_64);
        Seize(none, 0);
        Interrupt(none);
        Resume(none, PtraceAbi.PTRACE_CONT, 0);
        Detach(none, 0);
        GetRegisterSet(none, PtraceAbi.NT_PRSTATUS, &registers, ref length);
        GetRegisters(none, &registers);
        SetRegisters(none, &registers);
        GetSignalMask(none, &word);
        SetSignalMask(none, 0);
        GetSignalInformation(none, &registers);
        GetSyscall(none, &call);
        GetRestartableSequence(none, &sequence);
        GetSyscallUserDispatch(none, &dispatch);
        Peek(none, 0, &word);
        Look(none);
        ThreadStop.FromStatus(0);
        ThreadStop.FromSignalInformation(0, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Errno Request(int request, int thread, nint address, void* data)
        => LibC.SyscallPtrace(Number, request, thread, address, data) < 0 ? Kernel.LastErrno : Errno.None;
}
