using System.Globalization;

namespace Uffd.Processes;

/// <summary>
/// Looks at a process from outside, before anything in it is touched: whether this caller may trace it, and whether a system call may be run in
/// it unharmed. Sources: ptrace(2), proc_pid_status(5), Documentation/admin-guide/LSM/Yama.rst. Locked and sealed memory, stopped processes and processes in
/// other pid, user or mount namespaces are no obstacles: only what does not work is refused.
/// </summary>
public sealed record TargetInspection
{
    /// <summary>The process.</summary>
    public required int ProcessId { get; init; }

    /// <summary>Everything that stands in the way; empty when nothing does.</summary>
    public required IReadOnlyList<TargetObstacle> Obstacles { get; init; }

    /// <summary>Whether a seccomp filter has to be suspended for the one call (PTRACE_O_SUSPEND_SECCOMP), which this caller may do where no obstacle says otherwise.</summary>
    public required bool HasSeccompFilter { get; init; }

    /// <summary>Looks at a process. Reads files of /proc, among them smaps, which takes the longer the more memory the process has in use.</summary>
    /// <param name="processId">Its id: that of a process, not of a thread.</param>
    /// <exception cref="UffdException">ESRCH: there is no such process.</exception>
    public static TargetInspection Inspect(int processId)
    {
        using ProcessHandle? process = ProcessHandle.TryOpen(processId);
        StatusText? status = processId > 0 ? StatusText.TryRead(ProcFile.PathOf(processId, "status")) : null;
        bool isThread = status?.ThreadGroupId is { } group && group != processId;
        if (process is null && !isThread)
        {
            throw new UffdException(string.Create(CultureInfo.InvariantCulture, $"process {processId}"), Errno.ESRCH, "there is no such process");
        }

        TargetFacts target = TargetFacts.Collect(processId, status);
        return new TargetInspection
        {
            ProcessId = processId,
            Obstacles = [.. TargetObstacles.Of(target, CallerFacts.Collect())],
            HasSeccompFilter = target.HasSeccomp,
        };
    }

    /// <summary>Throws for the first obstacle, if there is one.</summary>
    /// <exception cref="UffdException">One line with what to do; <see cref="UffdException.IsUnavailable"/> where a privilege is missing.</exception>
    public void ThrowIfObstructed()
    {
        if (Obstacles is [var first, ..])
        {
            throw new UffdException(first.Remedy is null ? first.What : $"{first.What}; {first.Remedy}") { IsUnavailable = first.IsPermission };
        }
    }
}
