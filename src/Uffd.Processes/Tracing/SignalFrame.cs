using System.Runtime.CompilerServices;
using Uffd.Abi;

namespace Uffd.Processes;

/// <summary>
/// A signal frame of x86-64, as the kernel leaves one on a stack before it runs a handler (arch/x86/kernel/signal_64.c): rt_sigreturn(2) takes every
/// register, the floating-point and vector state and the signal mask from it. The siginfo is left zero, and the alternate signal stack is given flags
/// that do not exist, so that the one the thread has stays.
/// </summary>
internal sealed unsafe class SignalFrame
{
    private const int FrameOffset = 56; // so that the stack pointer behind pretcode is a multiple of 64
    private const int StateOffset = 512;
    private const int SoftwareBytesOffset = 464;
    private const int NoSuchStackFlags = 0x5500;
    private const int Capacity = StateOffset + ThreadRegisters.MaxExtendedLength + sizeof(uint);

    private readonly byte[] _bytes = GC.AllocateArray<byte>(Capacity, pinned: true);

    /// <summary>How long it is.</summary>
    public int Length { get; private set; }

    /// <summary>The bytes, to be written to an address that is a multiple of 64.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    /// <summary>The length of a frame for a thread's state.</summary>
    /// <param name="stateLength">The length of the extended state.</param>
    public static int LengthFor(int stateLength) => StateOffset + stateLength + sizeof(uint);

    /// <summary>The stack pointer with which rt_sigreturn(2) finds a frame: as a handler leaves it that has returned.</summary>
    /// <param name="address">Where the bytes are.</param>
    public static ulong StackPointer(ulong address) => address + FrameOffset + sizeof(ulong);

    /// <summary>Makes the frame.</summary>
    /// <param name="address">Where it will be: a multiple of 64.</param>
    /// <param name="registers">What it restores.</param>
    /// <param name="signalMask">The blocked signals that it restores.</param>
    /// <param name="set">The set NT_X86_XSTATE that it restores.</param>
    /// <param name="stateLength">How much of it: of <see cref="ExtendedState.Measure"/>.</param>
    /// <param name="components">Its components.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Build(ulong address, in user_regs_struct_x86_64 registers, ulong signalMask, ReadOnlySpan<byte> set, int stateLength, ulong components)
    {
        Length = LengthFor(stateLength);
        _bytes.AsSpan(0, Length).Clear();
        set[..stateLength].CopyTo(_bytes.AsSpan(StateOffset));
        fixed (byte* bytes = _bytes) // every offset below is smaller than the capacity
        {
            var frame = (rt_sigframe_x86_64*)(bytes + FrameOffset);
            frame->uc_flags = PtraceAbi.UC_FP_XSTATE | PtraceAbi.UC_SIGCONTEXT_SS | PtraceAbi.UC_STRICT_RESTORE_SS;
            frame->ss_flags = NoSuchStackFlags;
            frame->uc_sigmask = signalMask;
            Fill(ref frame->uc_mcontext, registers);
            frame->uc_mcontext.oldmask = signalMask;
            frame->uc_mcontext.fpstate = address + StateOffset;

            *(fpx_sw_bytes_x86_64*)(bytes + StateOffset + SoftwareBytesOffset) = new fpx_sw_bytes_x86_64
            {
                magic1 = PtraceAbi.FP_XSTATE_MAGIC1,
                extended_size = (uint)(stateLength + sizeof(uint)),
                xstate_bv = components,
                xstate_size = (uint)stateLength,
            };
            *(uint*)(bytes + StateOffset + stateLength) = PtraceAbi.FP_XSTATE_MAGIC2;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Fill(ref sigcontext_x86_64 context, in user_regs_struct_x86_64 registers)
    {
        context.r8 = registers.r8;
        context.r9 = registers.r9;
        context.r10 = registers.r10;
        context.r11 = registers.r11;
        context.r12 = registers.r12;
        context.r13 = registers.r13;
        context.r14 = registers.r14;
        context.r15 = registers.r15;
        context.rdi = registers.rdi;
        context.rsi = registers.rsi;
        context.rbp = registers.rbp;
        context.rbx = registers.rbx;
        context.rdx = registers.rdx;
        context.rax = registers.rax;
        context.rcx = registers.rcx;
        context.rsp = registers.rsp;
        context.rip = registers.rip;
        context.eflags = registers.eflags;
        context.cs = (ushort)(registers.cs & ushort.MaxValue);
        context.ss = (ushort)(registers.ss & ushort.MaxValue);
        context.gs = (ushort)(registers.gs & ushort.MaxValue);
        context.fs = (ushort)(registers.fs & ushort.MaxValue);
    }
}
