using System.Diagnostics;

namespace Uffd.Migration;

/// <summary>What a side counts while it works. Any thread may count.</summary>
internal sealed class Tally(ulong totalBytes = 0)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly Queue<(long When, long Moved)> _samples = new();
    private long _moved;
    private long _wire;
    private long _faults;
    private long _poisoned;
    private int _resumes;
    private volatile MigrationPhase _phase;

    public MigrationPhase Phase
    {
        get => _phase;
        set => _phase = value;
    }

    public ulong TotalBytes { get; set; } = totalBytes;

    public int Round { get; set; }

    public double WrittenBytesPerSecond { get; set; }

    public long MovedBytes => Volatile.Read(ref _moved);

    public long Faults => Volatile.Read(ref _faults);

    public void Moved(long bytes) => Interlocked.Add(ref _moved, bytes);

    public void WentOver(ulong wireBytes) => Interlocked.Add(ref _wire, (long)wireBytes);

    public void Faulted() => Interlocked.Increment(ref _faults);

    public void Poisoned(long pages) => Interlocked.Add(ref _poisoned, pages);

    public void Resumed() => Interlocked.Increment(ref _resumes);

    /// <summary>The counts now.</summary>
    /// <param name="leftBytes">What is still to be moved.</param>
    /// <param name="linkBytes">What went over the link that is in use.</param>
    public MigrationProgress Snapshot(ulong leftBytes, ulong linkBytes) => new()
    {
        Phase = Phase,
        TotalBytes = TotalBytes,
        LeftBytes = leftBytes,
        MovedBytes = (ulong)MovedBytes,
        WireBytes = (ulong)Volatile.Read(ref _wire) + linkBytes,
        BytesPerSecond = MeasureRate(),
        WrittenBytesPerSecond = WrittenBytesPerSecond,
        Round = Round,
        Faults = Faults,
        PoisonedPages = Volatile.Read(ref _poisoned),
        Resumes = Volatile.Read(ref _resumes),
        Elapsed = Stopwatch.GetElapsedTime(_start),
    };

    private double MeasureRate()
    {
        lock (_lock)
        {
            (long now, long moved) = (Stopwatch.GetTimestamp(), MovedBytes);
            _samples.Enqueue((now, moved));
            while (_samples.Count > 2 && Stopwatch.GetElapsedTime(_samples.Peek().When, now) > Window)
            {
                _samples.Dequeue();
            }

            (long since, long before) = _samples.Count > 1 ? _samples.Peek() : (_start, 0);
            double seconds = Stopwatch.GetElapsedTime(since, now).TotalSeconds;
            return seconds > 0 ? (moved - before) / seconds : 0;
        }
    }
}
