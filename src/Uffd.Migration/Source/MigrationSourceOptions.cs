namespace Uffd.Migration;

/// <summary>What happens when the memory is written faster than it can be sent.</summary>
public enum NotConverging
{
    /// <summary>The rest goes by post-copy: the workload moves at once, and fetches what it touches.</summary>
    PostCopy,

    /// <summary>The workload is slowed down more and more (<see cref="IMigrationWorkload.Throttle"/>); one that cannot be is moved by post-copy.</summary>
    Throttle,

    /// <summary>It stops for as long as the rest takes.</summary>
    Stop,

    /// <summary>The migration fails, and the workload goes on as it was.</summary>
    Fail,
}

/// <summary>When pages are compressed (zstd).</summary>
public enum MigrationCompression
{
    /// <summary>When it is quicker, as is measured while sending: the connection is slow, and the pages shrink.</summary>
    WhenItPays,

    /// <summary>Never.</summary>
    Never,

    /// <summary>All that shrink.</summary>
    Always,
}

/// <summary>How a <see cref="MigrationSource"/> works.</summary>
public sealed record MigrationSourceOptions
{
    /// <summary>How many rounds of pre-copy at the most, the first one, of everything, included; 0 for post-copy alone. Default: 30.</summary>
    public int MaxRounds { get; init; } = 30;

    /// <summary>How long the workload may stand while the rest is sent, as is estimated from the rate of sending. Default: 10 ms.</summary>
    public TimeSpan MaxDowntime { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>What to do when rounds stop getting shorter, or <see cref="MaxRounds"/> is reached. Default: post-copy.</summary>
    public NotConverging NotConverging { get; init; }

    /// <summary>How many bytes a second are sent that nobody waits for; 0, the default, for as many as can be.</summary>
    public ulong BytesPerSecond { get; init; }

    /// <summary>Default: when it pays.</summary>
    public MigrationCompression Compression { get; init; }

    /// <summary>
    /// For each region the source of a base that the destination has too, and its name there, or null: pages that are equal to the base's are not sent. Default: none.
    /// </summary>
    public IReadOnlyList<MigrationBase?>? Bases { get; init; }

    /// <summary>
    /// How long nothing at all may come from the other side before the connection counts as broken. Both sides send something every quarter of it. Default: 20 s.
    /// </summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// How long to wait for <see cref="MigrationSource.Resume"/> after the connection broke before the switch; then the migration fails, and the workload goes on as it was. After the
    /// switch it waits without end: the pages are the only ones. Default: a minute.
    /// </summary>
    public TimeSpan ResumeTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Told of what happens; called on the migration's threads, so it must be quick and not throw. Default: nobody.</summary>
    public Action<MigrationEvent>? Observer { get; init; }
}
