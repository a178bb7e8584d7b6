using System.Diagnostics;
using System.Runtime.CompilerServices;
using Uffd.Abi;
using Uffd.Interop;

namespace Uffd.Processes;

/// <summary>
/// Waits for threads to stand, for a bounded time: a thread that sleeps uninterruptibly in the kernel (state D) may not come for ever, and others stand
/// while it is waited for. waitid(2) knows no time limit, so it is asked again and again: without sleeping at first, since most stops take microseconds.
/// </summary>
internal static unsafe class StopWaiter
{
    private const int Spins = 20;
    private const int SleepNanoseconds = 10_000;
    private const int LooksBetweenStates = 256;

    /// <summary>How long a thread is given to stand. Far more than any takes that can.</summary>
    public static TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Waits for a thread's next stop or its end.</summary>
    /// <param name="files">Its process.</param>
    /// <param name="thread">A thread that was seized.</param>
    /// <param name="deadline">When to give up, in ticks of <see cref="Stopwatch"/>.</param>
    /// <returns><see cref="StopKind.Running"/> when the time is up.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ThreadStop Wait(TargetFiles files, int thread, long deadline)
    {
        for (int looks = 1; ; looks++)
        {
            ThreadStop stop = Ptrace.Look(thread);
            if (stop.Kind != StopKind.Running)
            {
                return stop;
            }

            // A first thread that ended before the others is not told of until they have ended too.
            if (looks % LooksBetweenStates == 0 && files.ReadState(thread) is null or 'Z' or 'X')
            {
                return new ThreadStop(StopKind.Gone, 0);
            }

            if (Stopwatch.GetTimestamp() > deadline)
            {
                return default;
            }

            Pause(looks);
        }
    }

    /// <summary>
    /// Prepares the calling thread: its sleeps end when they are to, and not up to 50 us later; and where it is allowed, it comes before others, for as long as it does not run
    /// another program's threads stand.
    /// </summary>
    public static void PrepareThread()
    {
        LibC.ProcessControl(PtraceAbi.PR_SET_TIMERSLACK, 1);
        CurrentThread.TrySetNiceness(-20);
    }

    /// <summary>
    /// Has the kernel send no SIGCHLD for stops to this program (SA_NOCLDSTOP), which it would do for every stop of a traced thread. .NET asks then for the ends
    /// of its children, and takes a stop of one that is traced for its end.
    /// </summary>
    public static void SilenceStops()
    {
        sigaction action;
        if (LibC.SigAction(PtraceAbi.SIGCHLD, null, &action) == 0 && (action.sa_flags & PtraceAbi.SA_NOCLDSTOP) == 0)
        {
            action.sa_flags |= PtraceAbi.SA_NOCLDSTOP;
            LibC.SigAction(PtraceAbi.SIGCHLD, &action, null);
        }
    }

    /// <summary>Lets others run where some looks were in vain. Not sched_yield(2): it waits for a whole time slice of whoever else is ready.</summary>
    /// <param name="looks">How many.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pause(int looks)
    {
        if (looks > Spins)
        {
            var time = new timespec { tv_nsec = SleepNanoseconds };
            LibC.NanoSleep(&time, null);
        }
    }

    public static long Deadline() => Stopwatch.GetTimestamp() + (long)(Patience.TotalSeconds * Stopwatch.Frequency);
}
