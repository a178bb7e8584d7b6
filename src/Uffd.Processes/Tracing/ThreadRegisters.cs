using System.Runtime.CompilerServices;
using Uffd.Abi;

namespace Uffd.Processes;

/// <summary>
/// The registers of a stopped thread, in the forms of ptrace(2) PTRACE_GETREGSET: made before the stop and filled during it, so that nothing is allocated then.
/// </summary>
public sealed unsafe class ThreadRegisters
{
    /// <summary>The largest extended state that is kept: AVX-512 and AMX need about 11 KiB.</summary>
    public const int MaxExtendedLength = 16 * 1024;

    internal byte[] GeneralBuffer { get; } = GC.AllocateArray<byte>(34 * 8, pinned: true);

    internal byte[] FloatingPointBuffer { get; } = GC.AllocateArray<byte>(1024, pinned: true);

    internal byte[] ExtendedBuffer { get; } = GC.AllocateArray<byte>(MaxExtendedLength, pinned: true);

    internal byte[] SignalBuffer { get; } = GC.AllocateArray<byte>(128, pinned: true);

    /// <summary>The thread's id.</summary>
    public int ThreadId { get; internal set; }

    /// <summary>How many bytes of <see cref="General"/> hold.</summary>
    internal int GeneralLength { get; set; }

    internal int FloatingPointLength { get; set; }

    internal int ExtendedLength { get; set; }

    /// <summary>The set NT_PRSTATUS (struct user_regs_struct), as the program will go on with it.</summary>
    public ReadOnlyMemory<byte> General => GeneralBuffer.AsMemory(0, GeneralLength);

    /// <summary>The set NT_PRFPREG.</summary>
    public ReadOnlyMemory<byte> FloatingPoint => FloatingPointBuffer.AsMemory(0, FloatingPointLength);

    /// <summary>The set NT_X86_XSTATE; empty where the machine has none.</summary>
    public ReadOnlyMemory<byte> Extended => ExtendedBuffer.AsMemory(0, ExtendedLength);

    /// <summary>The siginfo_t of the stop, 128 bytes (PTRACE_GETSIGINFO); zeros where the thread stands for no signal.</summary>
    public ReadOnlyMemory<byte> SignalInformation => SignalBuffer;

    /// <summary>The signals that the thread blocks (PTRACE_GETSIGMASK).</summary>
    public ulong BlockedSignals { get; internal set; }

    /// <summary>Fills this from a thread that stands.</summary>
    /// <param name="thread">The thread's id.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal Errno Read(int thread)
    {
        ThreadId = thread;
        Errno errno = ReadSet(thread, PtraceAbi.NT_PRSTATUS, GeneralBuffer, out int length);
        GeneralLength = length;
        if (errno != Errno.None)
        {
            return errno;
        }

        errno = ReadSet(thread, PtraceAbi.NT_PRFPREG, FloatingPointBuffer, out length);
        FloatingPointLength = length;
        if (errno != Errno.None)
        {
            return errno;
        }

        Errno extended = ReadSet(thread, PtraceAbi.NT_X86_XSTATE, ExtendedBuffer, out length); // not every machine has it
        ExtendedLength = extended == Errno.None ? length : 0;

        ulong mask = 0;
        fixed (byte* information = SignalBuffer) // pinned, and as long as a siginfo_t
        {
            errno = Ptrace.GetSignalInformation(thread, information);
            const int trapOfStop = PtraceAbi.PTRACE_EVENT_STOP << 8;
            const int codeOffset = 8;
            if (errno != Errno.None || (*(int*)(information + codeOffset) & ~0xFF) == trapOfStop)
            {
                SignalBuffer.AsSpan().Clear(); // the stop's own, which is this tracer's and no signal
            }
        }

        errno = Ptrace.GetSignalMask(thread, &mask);
        BlockedSignals = mask;
        return errno;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Errno ReadSet(int thread, int set, byte[] buffer, out int length)
    {
        length = buffer.Length;
        fixed (byte* bytes = buffer) // pinned, and never longer than it
        {
            return Ptrace.GetRegisterSet(thread, set, bytes, ref length);
        }
    }
}
