using Uffd.Processes;

namespace Uffd.Snapshots;

/// <summary>Takes snapshots of running processes: docs/snapshots.md.</summary>
public static class ProcessSnapshot
{
    /// <summary>
    /// Takes a consistent copy of a running process. It is copied while it runs, in rounds (WP_ASYNC, PAGEMAP_SCAN), and stands twice for a moment: one thread
    /// while a userfaultfd is taken from inside it, and all of it for the last round.
    /// </summary>
    /// <param name="processId">Its id.</param>
    /// <param name="sink">Where the snapshot goes. Completed here, and disposed by the caller.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="cancellation">Ends it at the next step; the process goes on, the sink is not completed.</param>
    /// <exception cref="UffdException">The process cannot be traced, ended, or replaced its program meanwhile; nothing is written then.</exception>
    /// <exception cref="IOException">The sink failed.</exception>
    public static SnapshotReport Take(int processId, ISnapshotSink sink, ProcessSnapshotOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(sink);
        options ??= new ProcessSnapshotOptions();
        using Tracee tracee = Tracee.Open(processId);
        if (!Userfaultfd.Supports(UffdFeatures.WriteProtectAsync))
        {
            return StandingCopy.Take(tracee, processId, sink, options, cancellation);
        }

        using var session = new SnapshotSession(tracee, processId, sink, options);
        return session.Take(cancellation);
    }
}
