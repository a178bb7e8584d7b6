namespace Uffd.Snapshots;

/// <summary>What is done when a process writes faster than its pages can be copied, so that the last stop would be longer than asked.</summary>
public enum ConvergenceChoice
{
    /// <summary>Take its CPU time away in slices, each no longer than the pause that is allowed, until it converges. The default.</summary>
    Throttle,

    /// <summary>Stop it for as long as the rest takes, and report that.</summary>
    LongerStop,
}

/// <summary>How a snapshot is taken.</summary>
public sealed record ProcessSnapshotOptions
{
    /// <summary>How long the last stop may take. Default: 2 ms.</summary>
    public TimeSpan MaxPause { get; init; } = TimeSpan.FromMilliseconds(2);

    /// <summary>What to do where that cannot be reached. Default: throttle.</summary>
    public ConvergenceChoice WhenNotConverging { get; init; }

    /// <summary>Bytes a second to copy at most while the process runs; 0 for no limit.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>Bytes of buffers to use at most. Default: 64 MiB; at least 4 MiB.</summary>
    public long BufferBytes { get; init; } = 64 << 20;

    /// <summary>Bits of /proc/PID/coredump_filter (core(5)) in place of the process's own, or null.</summary>
    public int? CoreDumpFilter { get; init; }

    /// <summary>Told of every round and step, on the thread that copies; must return quickly.</summary>
    public Action<SnapshotProgress>? Progress { get; init; }
}
