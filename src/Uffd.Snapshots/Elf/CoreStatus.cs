using System.Buffers.Binary;
using System.Text;

namespace Uffd.Snapshots;

/// <summary>struct elf_prstatus and struct elf_prpsinfo of sys/procfs.h, written and read.</summary>
internal static class CoreStatus
{
    public static byte[] WriteThread(ProcessState state, ThreadState thread)
    {
        int registers = ElfAbi.RegistersLength(state.Architecture);
        if (thread.General.Length != registers)
        {
            throw new ArgumentException($"thread {thread.ThreadId} has {thread.General.Length} bytes of registers, and {state.Architecture} has {registers}", nameof(thread));
        }

        byte[] bytes = new byte[ElfAbi.StatusLength(state.Architecture)];
        Span<byte> status = bytes;
        WriteSignal(status, SignalOf(thread) != 0 ? thread : state.Threads[0]);
        BinaryPrimitives.WriteUInt64LittleEndian(status[ElfAbi.StatusPending..], thread.PendingSignals);
        BinaryPrimitives.WriteUInt64LittleEndian(status[ElfAbi.StatusHeld..], thread.BlockedSignals);
        BinaryPrimitives.WriteInt32LittleEndian(status[ElfAbi.StatusThread..], thread.ThreadId);
        BinaryPrimitives.WriteInt32LittleEndian(status[ElfAbi.StatusParent..], state.ParentProcessId);
        BinaryPrimitives.WriteInt32LittleEndian(status[ElfAbi.StatusGroup..], state.ProcessGroup);
        BinaryPrimitives.WriteInt32LittleEndian(status[ElfAbi.StatusSession..], state.Session);
        WriteTime(status[ElfAbi.StatusUserTime..], thread.UserTime);
        WriteTime(status[ElfAbi.StatusSystemTime..], thread.SystemTime);
        thread.General.Span.CopyTo(status[ElfAbi.StatusRegisters..]);
        BinaryPrimitives.WriteInt32LittleEndian(status[(ElfAbi.StatusRegisters + registers)..], thread.FloatingPoint.IsEmpty ? 0 : 1);
        return bytes;
    }

    /// <returns>A thread with its general registers, or null where the length is that of no architecture known here.</returns>
    public static ThreadState ReadThread(ReadOnlyMemory<byte> content, int registers)
    {
        ReadOnlySpan<byte> status = content.Span;
        return new ThreadState
        {
            ThreadId = BinaryPrimitives.ReadInt32LittleEndian(status[ElfAbi.StatusThread..]),
            General = content.Slice(ElfAbi.StatusRegisters, registers),
            PendingSignals = BinaryPrimitives.ReadUInt64LittleEndian(status[ElfAbi.StatusPending..]),
            BlockedSignals = BinaryPrimitives.ReadUInt64LittleEndian(status[ElfAbi.StatusHeld..]),
            UserTime = ReadTime(status[ElfAbi.StatusUserTime..]),
            SystemTime = ReadTime(status[ElfAbi.StatusSystemTime..]),
        };
    }

    public static byte[] WriteProcess(ProcessState state)
    {
        byte[] bytes = new byte[ElfAbi.ProcessLength];
        Span<byte> process = bytes;
        int letter = ElfAbi.StateLetters.IndexOf(state.State, StringComparison.Ordinal);
        process[0] = (byte)(letter < 0 ? ElfAbi.StateLetters.Length : letter);
        process[1] = (byte)(letter < 0 ? '.' : state.State);
        process[2] = (byte)(state.State == 'Z' ? 1 : 0);
        process[ElfAbi.ProcessNice] = unchecked((byte)(sbyte)Math.Clamp(state.Nice, -20, 19));
        BinaryPrimitives.WriteUInt64LittleEndian(process[ElfAbi.ProcessFlags..], state.KernelFlags);
        BinaryPrimitives.WriteUInt32LittleEndian(process[ElfAbi.ProcessUser..], state.UserId);
        BinaryPrimitives.WriteUInt32LittleEndian(process[ElfAbi.ProcessGroupId..], state.GroupId);
        BinaryPrimitives.WriteInt32LittleEndian(process[ElfAbi.ProcessId..], state.ProcessId);
        BinaryPrimitives.WriteInt32LittleEndian(process[ElfAbi.ProcessParent..], state.ParentProcessId);
        BinaryPrimitives.WriteInt32LittleEndian(process[ElfAbi.ProcessGroup..], state.ProcessGroup);
        BinaryPrimitives.WriteInt32LittleEndian(process[ElfAbi.ProcessSession..], state.Session);
        WriteText(process.Slice(ElfAbi.ProcessName, ElfAbi.ProcessNameCapacity), state.Name);
        WriteText(process.Slice(ElfAbi.ProcessArguments, ElfAbi.ProcessArgumentsCapacity), string.Join(' ', state.Arguments));
        return bytes;
    }

    /// <returns>What is known of a process from its note, with no threads and no regions yet.</returns>
    public static ProcessState ReadProcess(ReadOnlySpan<byte> process) => new()
    {
        ProcessId = BinaryPrimitives.ReadInt32LittleEndian(process[ElfAbi.ProcessId..]),
        ParentProcessId = BinaryPrimitives.ReadInt32LittleEndian(process[ElfAbi.ProcessParent..]),
        ProcessGroup = BinaryPrimitives.ReadInt32LittleEndian(process[ElfAbi.ProcessGroup..]),
        Session = BinaryPrimitives.ReadInt32LittleEndian(process[ElfAbi.ProcessSession..]),
        UserId = BinaryPrimitives.ReadUInt32LittleEndian(process[ElfAbi.ProcessUser..]),
        GroupId = BinaryPrimitives.ReadUInt32LittleEndian(process[ElfAbi.ProcessGroupId..]),
        State = (char)process[1],
        Nice = unchecked((sbyte)process[ElfAbi.ProcessNice]),
        KernelFlags = BinaryPrimitives.ReadUInt64LittleEndian(process[ElfAbi.ProcessFlags..]),
        Name = ReadText(process.Slice(ElfAbi.ProcessName, ElfAbi.ProcessNameCapacity)),
        Arguments = ReadText(process.Slice(ElfAbi.ProcessArguments, ElfAbi.ProcessArgumentsCapacity)).Split(' ', StringSplitOptions.RemoveEmptyEntries),
        Threads = [],
        Regions = [],
    };

    private static int SignalOf(ThreadState thread)
        => thread.SignalInformation.Length == ThreadState.SignalInformationLength ? BinaryPrimitives.ReadInt32LittleEndian(thread.SignalInformation.Span) : 0;

    /// <summary>The kernel tells the first thread's signal with every thread, and gdb takes what it finds last for the process's.</summary>
    private static void WriteSignal(Span<byte> status, ThreadState thread)
    {
        if (SignalOf(thread) != 0)
        {
            // siginfo_t has signo, errno, code; elf_siginfo has signo, code, errno.
            ReadOnlySpan<byte> signal = thread.SignalInformation.Span;
            signal[..4].CopyTo(status);
            signal.Slice(8, 4).CopyTo(status[4..]);
            signal.Slice(4, 4).CopyTo(status[8..]);
            signal[..2].CopyTo(status[ElfAbi.StatusCurrentSignal..]);
        }
    }

    private static void WriteTime(Span<byte> destination, TimeSpan time)
    {
        long microseconds = Math.Max(0, time.Ticks / TimeSpan.TicksPerMicrosecond);
        BinaryPrimitives.WriteInt64LittleEndian(destination, microseconds / 1_000_000);
        BinaryPrimitives.WriteInt64LittleEndian(destination[8..], microseconds % 1_000_000);
    }

    private static TimeSpan ReadTime(ReadOnlySpan<byte> source)
    {
        const long LongestSeconds = 1L << 36; // a damaged number is no reason to fail
        long seconds = Math.Clamp(BinaryPrimitives.ReadInt64LittleEndian(source), 0, LongestSeconds);
        long microseconds = Math.Clamp(BinaryPrimitives.ReadInt64LittleEndian(source[8..]), 0, 999_999);
        return new TimeSpan((seconds * TimeSpan.TicksPerSecond) + (microseconds * TimeSpan.TicksPerMicrosecond));
    }

    /// <summary>As much of a text as leaves room for its end, without half a character.</summary>
    private static void WriteText(Span<byte> destination, string text)
        => Encoding.UTF8.GetEncoder().Convert(text, destination[..^1], flush: false, out _, out _, out _);

    private static string ReadText(ReadOnlySpan<byte> source)
    {
        int end = source.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? source : source[..end]);
    }
}
