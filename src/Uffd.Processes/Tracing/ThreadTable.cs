using System.Runtime.CompilerServices;
using Uffd.Abi;

namespace Uffd.Processes;

/// <summary>
/// Every thread of a process, seized, made to stand together and let go of. Of the tracing thread alone. Its arrays grow before the stop; from the first
/// interruption to the last release nothing is allocated, unless more threads are born than there are already.
/// </summary>
internal sealed unsafe class ThreadTable
{
    private const int Options = PtraceAbi.PTRACE_O_TRACESYSGOOD | PtraceAbi.PTRACE_O_TRACECLONE | PtraceAbi.PTRACE_O_TRACEEXEC;
    private const int MostListings = 1000; // a process may make threads for ever: those that were seized bring theirs along

    private readonly TargetFiles _files;
    private int[] _listed = new int[256];
    private int[] _threads = new int[256];
    private State[] _states = new State[256];
    private int _count;
    private int _capacity = 256;

    public ThreadTable(TargetFiles files) => _files = files;

    private enum State : byte
    {
        Seized,
        Standing,
        Gone,
    }

    /// <summary>How many stand.</summary>
    public int StandingCount { get; private set; }

    /// <summary>A thread that did not come to stand in time, or 0.</summary>
    public int StuckThread { get; private set; }

    /// <summary>Whether the process replaced its program meanwhile.</summary>
    public bool HasExecuted { get; private set; }

    /// <summary>Whether something is seized that no request lets go of: it ended, or runs and will not stand.</summary>
    public bool HasRemains { get; private set; }

    /// <summary>The id of a thread that stands. The first thread of the process is listed first by the kernel.</summary>
    /// <param name="index">Which of those that stand.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int StandingAt(int index)
    {
        if (StandingCount == _count)
        {
            return _threads[index];
        }

        for (int at = 0; at < _count; at++)
        {
            if (_states[at] == State.Standing && index-- == 0)
            {
                return _threads[at];
            }
        }

        return 0;
    }

    /// <summary>Seizes every thread, which stops none, until a listing tells of no other.</summary>
    /// <returns>Why not.</returns>
    public Errno SeizeAll()
    {
        _count = 0;
        StandingCount = 0;
        StuckThread = 0;
        HasExecuted = false;
        HasRemains = false;
        for (int listing = 0; listing < MostListings; listing++)
        {
            Errno errno = AddListed(interrupt: false, out int added);
            if (errno != Errno.None || added == 0)
            {
                Reserve(_count * 2);
                TraceSteps.Done("listed");
                return errno;
            }

            TraceSteps.Done("seized");
        }

        return Errno.None;
    }

    /// <summary>Makes all stand, and those that are born meanwhile.</summary>
    /// <param name="sinceLastStop">For <see cref="RestartRules.Amend"/>.</param>
    /// <returns>ETIMEDOUT-like failure is told by <see cref="StuckThread"/>; otherwise whether the process lives and all of it stands.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool HaltAll(TimeSpan? sinceLastStop)
    {
        for (int index = 0; index < _count; index++)
        {
            if (_states[index] == State.Seized)
            {
                Ptrace.Interrupt(_threads[index]);
            }
        }

        TraceSteps.Done("interrupted");
        long deadline = StopWaiter.Deadline();
        int waited = 0;
        while (true)
        {
            for (; waited < _count; waited++)
            {
                if (_states[waited] == State.Seized && !WaitFor(waited, deadline))
                {
                    return false;
                }
            }

            // Whoever was born escapes no one: its parent was seized, or it is in this list, and while all of these stand nobody is born.
            if (AddListed(interrupt: true, out int added) != Errno.None)
            {
                return false;
            }

            if (added == 0)
            {
                AmendAll(sinceLastStop);
                TraceSteps.Done("halted");
                return StandingCount > 0;
            }
        }
    }

    /// <summary>Lets go of all. What stands goes on, or stays as SIGSTOP has put it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void ReleaseAll()
    {
        // The one that was waited for last may have come to stand by now; one that runs cannot be let go of by a request.
        for (int index = 0; index < _count; index++)
        {
            if (_states[index] == State.Gone)
            {
                continue;
            }

            int thread = _threads[index];
            if (_states[index] == State.Seized && Ptrace.Look(thread) is { Kind: StopKind.Signal } stop)
            {
                HasRemains |= Ptrace.Detach(thread, stop.Signal) != Errno.None;
            }
            else
            {
                HasRemains |= Ptrace.Detach(thread, 0) != Errno.None;
            }

            TraceSteps.Done("released");
        }

        StandingCount = 0;
    }

    /// <summary>Everything that is done while threads stand, with none.</summary>
    public void Rehearse()
    {
        TraceSteps.IsRehearsal = true;
        Ptrace.Rehearse();
        RestartRules.Rehearse();
        _count = 1;
        _threads[0] = -1; // there is no such thread
        _states[0] = State.Seized;
        HaltAll(sinceLastStop: null);
        _states[0] = State.Standing;
        AmendAll(sinceLastStop: null);
        StandingAt(0);
        _states[0] = State.Seized;
        ReleaseAll();
        StopWaiter.Pause(0);
        StopWaiter.Pause(int.MaxValue);
        _count = 0;
        TraceSteps.IsRehearsal = false;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool WaitFor(int index, long deadline)
    {
        int thread = _threads[index];
        while (true)
        {
            ThreadStop stop = StopWaiter.Wait(_files, thread, deadline);
            switch (stop.Kind)
            {
                case StopKind.Interrupted:
                    _states[index] = State.Standing;
                    StandingCount++;
                    TraceSteps.Done("standing");
                    return true;
                case StopKind.Gone:
                    _states[index] = State.Gone;
                    Forget(thread);
                    return true;
                case StopKind.Running:
                    StuckThread = thread;
                    return false;
                case StopKind.Executed:
                    HasExecuted = true;
                    return false;
                default:
                    // It stands in the middle of something: a signal that is delivered, a thread that is made. That is finished first, and any stop
                    // takes the asking away.
                    Ptrace.Interrupt(thread);
                    Ptrace.Resume(thread, PtraceAbi.PTRACE_CONT, stop.Signal);
                    break;
            }
        }
    }

    /// <summary>Calls that answer EINTR to any stop are begun again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AmendAll(TimeSpan? sinceLastStop)
    {
        if (!RestartRules.AreKnown)
        {
            return;
        }

        user_regs_struct_x86_64 registers;
        for (int index = 0; index < _count; index++)
        {
            int thread = _threads[index];
            if (_states[index] == State.Standing
                && Ptrace.GetRegisters(thread, &registers) == Errno.None
                && RestartRules.Amend(thread, ref registers, sinceLastStop))
            {
                Ptrace.SetRegisters(thread, &registers);
            }
        }
    }

    /// <summary>An ended thread that is the process's first stays for its parent to hear of: it is not this tracer's to take away.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Forget(int thread)
    {
        if (thread == _files.ProcessId)
        {
            HasRemains = true;
        }
        else
        {
            Ptrace.Reap(thread);
        }
    }

    /// <summary>Lists the threads and seizes those that are not known yet.</summary>
    /// <param name="interrupt">Whether they are to stand at once.</param>
    /// <param name="added">How many were added.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private Errno AddListed(bool interrupt, out int added)
    {
        added = 0;
        Errno errno = _files.ListThreads(_listed, out int listed);
        if (errno != Errno.None)
        {
            return errno;
        }

        if (listed > _listed.Length)
        {
            Reserve(listed * 2);
            added = 1; // to be asked again
            return Errno.None;
        }

        for (int index = 0; index < listed; index++)
        {
            int thread = _listed[index];
            if (IsKnown(thread, index))
            {
                continue;
            }

            State state = State.Seized;
            errno = Ptrace.Seize(thread, Options);
            if (errno == Errno.ESRCH)
            {
                continue; // it ended meanwhile
            }

            if (errno == Errno.EPERM && Ptrace.Interrupt(thread) != Errno.None)
            {
                // Neither a newborn that came with its parent, nor one to be had: it has ended and waits to be heard of, or another traces it.
                if (_files.ReadState(thread) is not (null or 'Z' or 'X'))
                {
                    return errno;
                }

                state = State.Gone;
            }
            else if (interrupt)
            {
                Ptrace.Interrupt(thread);
            }

            Add(thread, state);
            added++;
        }

        return Errno.None;
    }

    /// <summary>Whether a thread is in the table: most often where the listing has it too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool IsKnown(int thread, int likely)
        => (likely < _count && _threads[likely] == thread) || _threads.AsSpan(0, _count).Contains(thread);

    private void Add(int thread, State state)
    {
        if (_count == _capacity)
        {
            Reserve(_count * 2);
        }

        _threads[_count] = thread;
        _states[_count] = state;
        _count++;
    }

    private void Reserve(int capacity)
    {
        if (capacity > _capacity)
        {
            _capacity = capacity;
            Array.Resize(ref _threads, capacity);
            Array.Resize(ref _states, capacity);
            Array.Resize(ref _listed, capacity);
        }
    }
}
