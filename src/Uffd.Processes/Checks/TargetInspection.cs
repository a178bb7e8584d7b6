namespace Uffd.Processes;

/// <summary>A reason why a process cannot be taken a userfaultfd from, found without touching it.</summary>
/// <param name="What">One line: what stands in the way.</param>
/// <param name="Remedy">What to do about it, or null where nothing can be done.</param>
/// <param name="IsPermission">Whether a privilege is what is missing.</param>
public sealed record TargetObstacle(string What, string? Remedy, bool IsPermission);

/// <summary>
/// Looks at a process from outside, before anything in it is touched: whether this caller may trace it, and whether a system call may be run in
/// it unharmed. Sources: ptrace(2), proc_pid_status(5), Documentation/admin-guide/LSM/Yama.rst.
/// </summary>
public sealed record TargetInspection
{
    /// <summary>The process.</summary>
    public required int ProcessId { get; init; }

    /// <summary>Everything that stands in the way; empty when nothing does.</summary>
    public required IReadOnlyList<TargetObstacle> Obstacles { get; init; }

    /// <summary>Whether a seccomp filter has to be suspended for the one call (PTRACE_O_SUSPEND_SECCOMP), which this caller may do where no obstacle says otherwise.</summary>
    public required bool HasSeccompFilter { get; init; }

    /// <summary>Looks at a process.</summary>
    /// <param name="processId">Its id: that of a process, not of a thread.</param>
    /// <exception cref="UffdException">ESRCH: there is no such process.</exception>
    public static TargetInspection Inspect(int processId) => throw new NotSupportedException();

    /// <summary>Throws for the first obstacle, if there is one.</summary>
    /// <exception cref="UffdException">One line with what to do; <see cref="UffdException.IsUnavailable"/> where a privilege is missing.</exception>
    public void ThrowIfObstructed() => throw new NotSupportedException();
}
