using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Uffd.Abi;

namespace Uffd.Processes;

/// <summary>
/// What becomes of a system call that a stop interrupted (signal(7), "Interruption of system calls"). Most are begun again by the kernel, because their
/// result says so. Some answer EINTR to any stop, even one without a signal; for these the result is changed to the one that says: begin again unless
/// a signal's handler is run. x86-64 alone.
/// </summary>
internal static unsafe class RestartRules
{
    private const int SyscallLength = 2; // bytes of the instruction: the kernel goes back by as many

    /// <summary>Whether this machine's registers are known here.</summary>
    public static bool AreKnown => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Whether the thread stands in a call that will be begun again.</summary>
    /// <param name="registers">Its registers.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool WillRestart(in user_regs_struct_x86_64 registers)
        => unchecked((long)registers.orig_rax) >= 0
            && unchecked((long)registers.rax) is -PtraceAbi.ERESTARTSYS or -PtraceAbi.ERESTARTNOINTR or -PtraceAbi.ERESTARTNOHAND or -PtraceAbi.ERESTART_RESTARTBLOCK;

    /// <summary>
    /// Registers with which a thread begins its call again by itself. A sleep or a wait with a time limit gets all of its time once more: later than it should be, and
    /// never too early.
    /// </summary>
    /// <param name="registers">As the thread stood.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static user_regs_struct_x86_64 Rewind(in user_regs_struct_x86_64 registers)
    {
        user_regs_struct_x86_64 rewound = registers;
        if (WillRestart(registers))
        {
            rewound.rip -= SyscallLength;
            rewound.rax = registers.orig_rax;
        }

        rewound.orig_rax = ulong.MaxValue;
        return rewound;
    }

    /// <summary>
    /// Turns the EINTR that a stop brought about into a new beginning of the call. A time limit then counts from the beginning: this is done only where an earlier
    /// stop cannot have done it to the same call, so that no call lasts longer than twice its time, however often its process is stopped.
    /// </summary>
    /// <param name="thread">A thread that stands for PTRACE_INTERRUPT.</param>
    /// <param name="registers">Its registers, changed where the result is true.</param>
    /// <param name="sinceLastStop">How long ago this process was let go of, or null where it was never stopped.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool Amend(int thread, ref user_regs_struct_x86_64 registers, TimeSpan? sinceLastStop)
    {
        if (unchecked((long)registers.rax) != -(int)Errno.EINTR || unchecked((long)registers.orig_rax) < 0)
        {
            return false;
        }

        TimeSpan? limit;
        switch (unchecked((int)registers.orig_rax)) // as the kernel looks at it
        {
            case PtraceAbi.SYS_epoll_wait_x86_64 or PtraceAbi.SYS_epoll_pwait_x86_64:
                int milliseconds = unchecked((int)registers.r10);
                limit = milliseconds < 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(milliseconds);
                break;
            case PtraceAbi.SYS_epoll_pwait2 or PtraceAbi.SYS_semtimedop_x86_64:
                limit = ReadLimit(thread, registers.r10);
                break;
            case PtraceAbi.SYS_rt_sigtimedwait_x86_64:
                limit = ReadLimit(thread, registers.rdx);
                break;
            case PtraceAbi.SYS_semop_x86_64:
                limit = TimeSpan.Zero;
                break;
            default:
                return false;
        }

        if (limit is not { } known || sinceLastStop < known)
        {
            return false;
        }

        registers.rax = unchecked((ulong)-PtraceAbi.ERESTARTNOHAND);
        return true;
    }

    /// <summary>Decides for a thread that there is none of, so that all is compiled.</summary>
    public static void Rehearse()
    {
        var registers = new user_regs_struct_x86_64
        {
            rax = unchecked((ulong)-(int)Errno.EINTR),
            orig_rax = PtraceAbi.SYS_semtimedop_x86_64,
            r10 = 1,
        };
        Amend(-1, ref registers, sinceLastStop: null);
    }

    /// <summary>The time limit in a struct timespec; zero where there is none, null where it cannot be read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static TimeSpan? ReadLimit(int thread, ulong address)
    {
        if (address == 0)
        {
            return TimeSpan.Zero;
        }

        ulong seconds;
        if (Ptrace.Peek(thread, address, &seconds) != Errno.None)
        {
            return null;
        }

        return seconds >= int.MaxValue ? TimeSpan.FromTicks(int.MaxValue * TimeSpan.TicksPerSecond) : TimeSpan.FromTicks(((long)seconds + 1) * TimeSpan.TicksPerSecond);
    }
}
