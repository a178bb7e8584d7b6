using System.Runtime.InteropServices;

namespace Uffd.Snapshots;

/// <summary>What a snapshot holds of a process beside its pages, all of one instant.</summary>
public sealed record ProcessState
{
    /// <summary>The process's id.</summary>
    public required int ProcessId { get; init; }

    /// <summary>Its parent's.</summary>
    public int ParentProcessId { get; init; }

    /// <summary>Its process group.</summary>
    public int ProcessGroup { get; init; }

    /// <summary>Its session.</summary>
    public int Session { get; init; }

    /// <summary>Its real user.</summary>
    public uint UserId { get; init; }

    /// <summary>Its real group.</summary>
    public uint GroupId { get; init; }

    /// <summary>The letter of proc_pid_stat(5): R, S, D...</summary>
    public char State { get; init; } = 'R';

    /// <summary>Its nice value.</summary>
    public int Nice { get; init; }

    /// <summary>The kernel's flags of it (proc_pid_stat(5)).</summary>
    public ulong KernelFlags { get; init; }

    /// <summary>Its name, at most 15 bytes (comm).</summary>
    public required string Name { get; init; }

    /// <summary>Its arguments.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The path of its program, as /proc/PID/exe tells it; empty where it does not.</summary>
    public string Executable { get; init; } = "";

    /// <summary>The auxiliary vector, as /proc/PID/auxv has it.</summary>
    public ReadOnlyMemory<byte> AuxiliaryVector { get; init; }

    /// <summary>Its machine.</summary>
    public Architecture Architecture { get; init; } = RuntimeInformation.ProcessArchitecture;

    /// <summary>The kernel's release (uname -r).</summary>
    public string KernelRelease { get; init; } = "";

    /// <summary>The size of its pages.</summary>
    public int PageSize { get; init; } = Environment.SystemPageSize;

    /// <summary>The instant.</summary>
    public DateTimeOffset Taken { get; init; }

    /// <summary>Its threads; the process's first thread comes first if it lives.</summary>
    public required IReadOnlyList<ThreadState> Threads { get; init; }

    /// <summary>Its mappings in order of address, and what is kept of each.</summary>
    public required IReadOnlyList<SnapshotRegion> Regions { get; init; }
}
