namespace Uffd.Paging;

/// <summary>What happens to a page whose content cannot be had, after the retries. Never silent zeros, never a hang.</summary>
public enum FaultFailurePolicy
{
    /// <summary>
    /// The page is poisoned (Linux 6.6): who touches it gets SIGBUS, as from failed memory; the rest goes on. Where the kernel
    /// cannot poison, the process is terminated if it is known, and else the fault waits for ever.
    /// </summary>
    Poison,

    /// <summary>The process is killed. Needs <see cref="AddressSpaceOptions.TargetProcess"/>.</summary>
    Terminate,
}

/// <summary>How an address space is served.</summary>
public sealed record AddressSpaceOptions
{
    /// <summary>A name for messages. Default: none.</summary>
    public string Name { get; init; } = "";

    /// <summary>Whether to bring what nobody has touched yet, behind the faults. Default: true.</summary>
    public bool BackgroundFill { get; init; } = true;

    /// <summary>What to do with a page that cannot be had. Default: poison it.</summary>
    public FaultFailurePolicy FailurePolicy { get; init; }

    /// <summary>
    /// The process the memory belongs to, so that its end is seen at once and it can be killed. Disposed with the address
    /// space. Null when it is not known or is this process: its end is then looked for once a second.
    /// </summary>
    public ProcessHandle? TargetProcess { get; init; }

    /// <summary>How often a source that fails on a page that a fault waits for is asked again. Default: 3.</summary>
    public int SourceRetries { get; init; } = 3;

    /// <summary>The pause before the first of these retries, and up to half of it more, by chance; it doubles each time. Default: 10 ms.</summary>
    public TimeSpan SourceRetryDelay { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// How long a read of a source that takes its time (<see cref="IPageSource.Concurrency"/> above 0) may take, waiting for its turn
    /// included, before it counts as failed. Default: a minute.
    /// </summary>
    public TimeSpan SourceTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How many bytes at most to bring ahead of a thread that goes through the memory in order. Runs grow from one page to this
    /// while they are used, and shrink while they are not. 0 for none. Default: 1 MiB.
    /// </summary>
    public ulong ReadAheadBytes { get; init; } = 1 << 20;

    /// <summary>
    /// Told of every first touch, to make a working set of it: <see cref="WorkingSetRecorder.ToWorkingSet"/>. Forked children
    /// tell it too. A page that comes before it is touched is never seen, so switch <see cref="BackgroundFill"/> off and
    /// <see cref="ReadAheadBytes"/> to 0 for it. Default: nobody.
    /// </summary>
    public WorkingSetRecorder? Recorder { get; init; }

    /// <summary>
    /// What to bring first, all at once, before the background fill. Its offsets are those of the regions' sources. Default: nothing.
    /// </summary>
    public WorkingSet? Replay { get; init; }

    /// <summary>
    /// How long at the most a thread that touches a page of <see cref="Replay"/> waits for it to come with the others, instead of
    /// being served by itself. Default: 200 ms.
    /// </summary>
    public TimeSpan ReplayHold { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// How many bytes a second the background fill may bring; 0, the default, for as many as it can. Faults are served without limit.
    /// </summary>
    public ulong BackgroundBytesPerSecond { get; init; }

    /// <summary>
    /// How long to look for the next fault before sleeping. Costs a CPU for that long after each fault, and saves the wake-up
    /// when faults follow each other closely. Null, the default, decides by what is measured while serving (docs/adr/0008): not
    /// at all on a machine with one CPU, and else for 30 us at most where that makes faults quicker. Zero for never.
    /// </summary>
    public TimeSpan? Spin { get; init; }

    /// <summary>
    /// The CPUs that the threads which serve this address space are bound to, by number: the fault loop and the background fill.
    /// A fault is quickest on the CPU of the thread that took it, or on one that shares a cache with it. Default: null, anywhere.
    /// </summary>
    public IReadOnlyList<int>? Cpus { get; init; }
}
