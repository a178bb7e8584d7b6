using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Uffd.Abi;

namespace Uffd.Processes;

/// <summary>What a traced thread is doing.</summary>
internal enum StopKind
{
    /// <summary>It runs.</summary>
    Running,

    /// <summary>It stands because it was asked to (PTRACE_INTERRUPT), or for a stop of its whole process (SIGSTOP).</summary>
    Interrupted,

    /// <summary>It stands at the entry or the exit of a system call.</summary>
    Syscall,

    /// <summary>It stands before a signal is delivered to it.</summary>
    Signal,

    /// <summary>It has just replaced its process's program.</summary>
    Executed,

    /// <summary>It stands for another event: it made a thread.</summary>
    Event,

    /// <summary>It has ended.</summary>
    Gone,
}

/// <summary>A traced thread's stop.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Signal">The signal that is to be delivered, for <see cref="StopKind.Signal"/>.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ThreadStop(StopKind Kind, int Signal)
{
    private const int SyscallTrap = PtraceAbi.SIGTRAP | 0x80; // PTRACE_O_TRACESYSGOOD

    /// <summary>Reads what wait gives: the signal, and an event above it.</summary>
    /// <param name="status">si_status of waitid(2).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ThreadStop FromStatus(int status)
    {
        int signal = status & 0xFF;
        return (status >> 8) switch
        {
            PtraceAbi.PTRACE_EVENT_STOP => new ThreadStop(StopKind.Interrupted, 0),
            PtraceAbi.PTRACE_EVENT_EXEC => new ThreadStop(StopKind.Executed, 0),
            0 => signal == SyscallTrap ? new ThreadStop(StopKind.Syscall, 0) : new ThreadStop(StopKind.Signal, signal),
            _ => new ThreadStop(StopKind.Event, 0),
        };
    }

    /// <summary>Reads the same from the stop's siginfo: its code is the status where ptrace made the stop, and the signal's own where a signal did.</summary>
    /// <param name="signal">si_signo.</param>
    /// <param name="code">si_code.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ThreadStop FromSignalInformation(int signal, int code)
        => code == SyscallTrap || (code > 0xFF && (code & 0xFF) == signal) ? FromStatus(code) : new ThreadStop(StopKind.Signal, signal);
}
