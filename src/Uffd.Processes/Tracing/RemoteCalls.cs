using System.Runtime.CompilerServices;
using Uffd.Abi;

namespace Uffd.Processes;

/// <summary>
/// Runs system calls in a thread of another process so that the thread restores itself if this program dies: before its registers are changed, what restores
/// them lies in a signal frame on dead stack, and from then on the next instructions that it would run are those that return from a signal handler. The
/// tracer changes the number of that very call at its entry. docs/tracing.md tells every step and what is true after it. x86-64 alone.
/// </summary>
internal sealed unsafe class RemoteCalls
{
    private const int AttemptsToLeaveSequence = 5;
    private const ulong TrapFlag = 1UL << 8; // a thread that steps through itself would be stopped by it in the restorer
    private const ulong UserCode = 0x33; // the code segment of 64-bit programs

    private readonly TargetFiles _files;
    private readonly SeizedThread _thread;
    private readonly Restorer _restorer;
    private readonly DeadStack _stack;
    private readonly byte[] _set = GC.AllocateArray<byte>(ThreadRegisters.MaxExtendedLength, pinned: true);
    private readonly byte[] _kept = new byte[SignalFrame.LengthFor(ThreadRegisters.MaxExtendedLength)];
    private readonly SignalFrame _frame = new();
    private user_regs_struct_x86_64 _registers;
    private ulong _mask;
    private ulong _address;
    private bool _frameIsWritten;

    public RemoteCalls(TargetFiles files, SeizedThread thread, Restorer restorer, DeadStack stack)
    {
        _files = files;
        _thread = thread;
        _restorer = restorer;
        _stack = stack;
    }

    /// <summary>Why the thread was not changed, or could not be.</summary>
    public string? Obstacle { get; private set; }

    /// <summary>The kernel's answer that goes with it.</summary>
    public Errno Errno { get; private set; }

    /// <summary>
    /// Has the thread go on from now on by restoring itself. Nothing is changed where this fails, except by <see cref="Restore"/>'s undoing.
    /// </summary>
    /// <param name="sinceLastStop">For <see cref="RestartRules.Amend"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Prepare(TimeSpan? sinceLastStop)
    {
        if (!LeaveRestartableSequence() || !ReadState(sinceLastStop, out int stateLength, out ulong components))
        {
            return false;
        }

        if (!_restorer.IsThere(_files))
        {
            return Fail("its code changed meanwhile", Errno.None);
        }

        int length = SignalFrame.LengthFor(stateLength);
        if (_stack.Holds(_registers.rsp))
        {
            _address = DeadStack.Below(_registers.rsp, length);
        }
        else if (DeadStack.Find(MemoryMap.Read(_files.ProcessId).Regions) is { } stack)
        {
            _address = stack.Holds(_registers.rsp) ? DeadStack.Below(_registers.rsp, length) : stack.AtBottom(_files, length);
        }
        else
        {
            return Fail("it has no mapping [stack]", Errno.None);
        }

        return WriteFrame(stateLength, components, length) && SetOnRestorer();
    }

    /// <summary>Runs one system call.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="argument">Its only argument.</param>
    /// <param name="answer">What it answered: negative is an errno.</param>
    /// <returns>Whether it was run.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Call(int number, ulong argument, out long answer)
    {
        answer = 0;
        ptrace_syscall_info information;
        user_regs_struct_x86_64 registers;
        if (!_thread.RunToSyscall())
        {
            return Fail("it did not reach the system call that was to be run in it", Errno.None);
        }

        TraceSteps.Done("entered");
        Errno errno = Ptrace.GetSyscall(_thread.ThreadId, &information);
        if (errno != Errno.None
            || information is not { op: PtraceAbi.PTRACE_SYSCALL_INFO_ENTRY, entry_nr: PtraceAbi.SYS_rt_sigreturn_x86_64 }
            || (errno = Ptrace.GetRegisters(_thread.ThreadId, &registers)) != Errno.None)
        {
            return Fail("it reached another system call than was to be run in it", errno);
        }

        registers.orig_rax = (ulong)number;
        registers.rdi = argument;
        registers.rip = _restorer.Address; // behind the call comes what restores it, whoever is there then
        if ((errno = Ptrace.SetRegisters(_thread.ThreadId, &registers)) != Errno.None)
        {
            return Fail("its registers cannot be set", errno);
        }

        TraceSteps.Done("exchanged");
        if (!_thread.RunToSyscall())
        {
            return Fail("the system call that was run in it did not end", Errno.None);
        }

        TraceSteps.Done("called");
        errno = Ptrace.GetSyscall(_thread.ThreadId, &information);
        if (errno != Errno.None || information.op != PtraceAbi.PTRACE_SYSCALL_INFO_EXIT)
        {
            return Fail("the system call that was run in it did not end as calls do", errno);
        }

        answer = information.exit_rval;
        return true;
    }

    /// <summary>
    /// Puts everything back. The mask comes first and the registers after it, in one step: until that is done, the frame is what the thread would go on with,
    /// so its bytes go last.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Restore()
    {
        if (!_frameIsWritten)
        {
            return true;
        }

        if (!_thread.HaltAfterCall())
        {
            return false; // it has ended, or it restores itself when it goes on
        }

        TraceSteps.Done("returned");
        Errno errno = Ptrace.SetSignalMask(_thread.ThreadId, _mask);
        TraceSteps.Done("unblocked");
        if (errno == Errno.None)
        {
            fixed (user_regs_struct_x86_64* registers = &_registers)
            {
                errno = Ptrace.SetRegisters(_thread.ThreadId, registers);
            }
        }

        TraceSteps.Done("restored");
        if (errno != Errno.None)
        {
            return Fail("its registers cannot be set back; it restores itself from its stack", errno);
        }

        _frameIsWritten = false;
        _files.TryWrite(_address, _kept.AsSpan(0, _frame.Length)); // dead bytes: nothing depends on them
        TraceSteps.Done("cleaned");
        return true;
    }

    /// <summary>
    /// Does everything with a thread that there is none of, so that all of it is compiled and bound before somebody's thread stands for it.
    /// </summary>
    public void Rehearse()
    {
        Ptrace.Rehearse();
        _restorer.IsThere(_files);
        _stack.Holds(DeadStack.Below(_stack.End, 0));
        RestartRules.Rewind(_registers);
        RestartRules.Rehearse();
        ExtendedState.Measure(_set, out _);
        Prepare(sinceLastStop: null);
        ReadState(sinceLastStop: null, out _, out _);
        WriteFrame(ExtendedState.MinLength, 0, 0);
        SetOnRestorer();
        Call(0, 0, out _);
        _frameIsWritten = true;
        Restore();
        _frameIsWritten = false;
        Obstacle = null;
    }

    /// <summary>
    /// A thread inside a restartable sequence (rseq(2)) must be sent to its abort handler when it was stopped, which the kernel does on the way
    /// back, by looking where it is. It is let run to there first.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool LeaveRestartableSequence()
    {
        for (int attempt = 0; attempt < AttemptsToLeaveSequence; attempt++)
        {
            if (!IsInRestartableSequence())
            {
                return true;
            }

            _thread.Run();
            StopWaiter.Pause(int.MaxValue);
            if (!_thread.Halt())
            {
                return false;
            }
        }

        return Fail("it does not leave its restartable sequences (rseq)", Errno.None);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool IsInRestartableSequence()
    {
        const int pointerOffset = 8; // struct rseq: cpu_id_start, cpu_id, rseq_cs
        ptrace_rseq_configuration configuration;
        user_regs_struct_x86_64 registers;
        ulong* section = stackalloc ulong[4]; // struct rseq_cs: version and flags, start_ip, post_commit_offset, abort_ip
        ulong pointer = 0;
        if (Ptrace.GetRestartableSequence(_thread.ThreadId, &configuration) != Errno.None
            || configuration.rseq_abi_pointer == 0
            || Ptrace.Peek(_thread.ThreadId, configuration.rseq_abi_pointer + pointerOffset, &pointer) != Errno.None
            || pointer == 0
            || Ptrace.GetRegisters(_thread.ThreadId, &registers) != Errno.None)
        {
            return false;
        }

        for (int word = 0; word < 4; word++)
        {
            if (Ptrace.Peek(_thread.ThreadId, unchecked(pointer + (ulong)(word * sizeof(ulong))), section + word) != Errno.None)
            {
                return false;
            }
        }

        return unchecked(registers.rip - section[1]) < section[2];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool ReadState(TimeSpan? sinceLastStop, out int stateLength, out ulong components)
    {
        int thread = _thread.ThreadId;
        stateLength = 0;
        components = 0;
        int setLength = _set.Length;
        ptrace_sud_config dispatch;
        Errno errno;
        fixed (user_regs_struct_x86_64* registers = &_registers)
        {
            errno = Ptrace.GetRegisters(thread, registers);
        }

        if (errno != Errno.None || _registers.cs != UserCode)
        {
            return Fail("it is not a 64-bit program", errno);
        }

        if (RestartRules.Amend(thread, ref _registers, sinceLastStop))
        {
            fixed (user_regs_struct_x86_64* registers = &_registers)
            {
                Ptrace.SetRegisters(thread, registers); // at once: if this program dies, it holds
            }
        }

        TraceSteps.Done("amended");

        if (Ptrace.GetSyscallUserDispatch(thread, &dispatch) == Errno.None && dispatch.mode != 0)
        {
            return Fail("it handles its system calls itself (PR_SET_SYSCALL_USER_DISPATCH)", Errno.None);
        }

        fixed (ulong* mask = &_mask)
        fixed (byte* set = _set) // pinned, and never longer than it
        {
            if ((errno = Ptrace.GetSignalMask(thread, mask)) != Errno.None
                || (errno = Ptrace.GetRegisterSet(thread, PtraceAbi.NT_X86_XSTATE, set, ref setLength)) != Errno.None)
            {
                return Fail("its state cannot be read", errno);
            }
        }

        stateLength = ExtendedState.Measure(_set.AsSpan(0, setLength), out components);
        if (stateLength == 0)
        {
            return Fail("its extended state (XSAVE) has a form that is not known", Errno.None);
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool WriteFrame(int stateLength, ulong components, int length)
    {
        _frame.Build(_address, RestartRules.Rewind(_registers), _mask, _set, stateLength, components);
        Span<byte> kept = _kept.AsSpan(0, length);
        if (!_files.TryRead(_address, kept))
        {
            kept.Clear(); // below the stack so far: writing grows it
        }

        return _files.TryWrite(_address, _frame.Bytes[..length]) || Fail("its stack has no room", Errno.None);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool SetOnRestorer()
    {
        TraceSteps.Done("framed");
        user_regs_struct_x86_64 registers = _registers;
        registers.rip = _restorer.Address;
        registers.rsp = SignalFrame.StackPointer(_address);
        registers.rax = 0;
        registers.orig_rax = ulong.MaxValue; // no call is to be begun again
        registers.eflags &= ~TrapFlag;

        // A call that waits with a mask of its own for its time (sigsuspend) gets the thread's mask back first: a signal that it waits for must not be handled between the
        // frame and the new beginning of the call, which would then wait for another one. Where this program dies here, the call begins again with its mask, and takes the signal.
        Errno errno = Ptrace.SetSignalMask(_thread.ThreadId, _mask);
        TraceSteps.Done("masked");
        if (errno == Errno.None)
        {
            _frameIsWritten = true;
            errno = Ptrace.SetRegisters(_thread.ThreadId, &registers);
            TraceSteps.Done("set");
        }

        if (errno == Errno.None)
        {
            errno = Ptrace.SetSignalMask(_thread.ThreadId, ulong.MaxValue);
            TraceSteps.Done("blocked");
        }

        return errno == Errno.None || Fail("its registers cannot be set", errno);
    }

    private bool Fail(string obstacle, Errno errno)
    {
        Obstacle = obstacle;
        Errno = errno;
        return false;
    }
}
