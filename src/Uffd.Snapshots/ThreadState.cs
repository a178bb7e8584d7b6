namespace Uffd.Snapshots;

/// <summary>A thread at the instant of a snapshot. The registers are in the forms of ptrace(2) PTRACE_GETREGSET for the process's architecture.</summary>
public sealed record ThreadState
{
    /// <summary>The length of a siginfo_t.</summary>
    public const int SignalInformationLength = 128;

    /// <summary>The thread's id.</summary>
    public required int ThreadId { get; init; }

    /// <summary>Its name (comm).</summary>
    public string Name { get; init; } = "";

    /// <summary>The set NT_PRSTATUS: 216 bytes on x86-64, 272 on arm64.</summary>
    public required ReadOnlyMemory<byte> General { get; init; }

    /// <summary>The set NT_PRFPREG: 512 bytes on x86-64, 528 on arm64.</summary>
    public ReadOnlyMemory<byte> FloatingPoint { get; init; }

    /// <summary>The set NT_X86_XSTATE; empty where there is none.</summary>
    public ReadOnlyMemory<byte> Extended { get; init; }

    /// <summary>A siginfo_t of 128 bytes; empty or zeros where the thread stood for no signal.</summary>
    public ReadOnlyMemory<byte> SignalInformation { get; init; }

    /// <summary>Signals that wait for the thread.</summary>
    public ulong PendingSignals { get; init; }

    /// <summary>Signals that it blocks.</summary>
    public ulong BlockedSignals { get; init; }

    /// <summary>CPU time in user mode.</summary>
    public TimeSpan UserTime { get; init; }

    /// <summary>CPU time in the kernel.</summary>
    public TimeSpan SystemTime { get; init; }
}
