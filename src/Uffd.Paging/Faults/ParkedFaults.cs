using System.Diagnostics;

namespace Uffd.Paging;

/// <summary>A fault to be served again.</summary>
/// <param name="Key">The page; without a map it is <paramref name="OutsideAddress"/> instead.</param>
/// <param name="Attempts">How often its source has failed.</param>
/// <param name="DueTimestamp">When (<see cref="Stopwatch"/>).</param>
/// <param name="OutsideAddress">An address outside all regions.</param>
/// <param name="ReadTimestamp">When it was read.</param>
internal readonly record struct ParkedFault(PageKey Key, int Attempts, long DueTimestamp, ulong OutsideAddress, long ReadTimestamp = 0);

/// <summary>
/// Faults that could not be served and that nothing will announce again: those that met a changing address space are tried
/// again at once, then ever more slowly up to a millisecond; those whose source failed after a pause.
/// </summary>
internal sealed class ParkedFaults
{
    private const int EagerTries = 32;

    private static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(1);

    private readonly PriorityQueue<ParkedFault, long> _queue = new();
    private int _eager;
    private long _pausedUntil;

    /// <summary>When the fault that is being served was read: what is parked keeps it.</summary>
    public long ReadTimestamp { get; set; }

    public bool IsEmpty => _queue.Count == 0 && _pausedUntil == 0;

    /// <summary>Whether the pause is not over yet.</summary>
    public bool IsPaused => _pausedUntil != 0 && _pausedUntil > Stopwatch.GetTimestamp();

    /// <summary>Parks a fault that met a changing address space.</summary>
    public void AddSoon(PageKey key, int attempts) => Add(new ParkedFault(key, attempts, SoonTimestamp(), 0));

    /// <summary>Parks a fault outside all regions that met a changing address space.</summary>
    public void AddOutside(ulong address) => Add(new ParkedFault(default, 0, SoonTimestamp(), address));

    /// <summary>Parks a fault whose source failed.</summary>
    public void AddLater(PageKey key, int attempts, TimeSpan delay) => Add(new ParkedFault(key, attempts, After(delay), 0));

    /// <summary>Makes the loop come back after a while although nothing is parked.</summary>
    public void Pause(TimeSpan delay) => _pausedUntil = After(delay);

    /// <summary>An event was applied: what waited for that may be tried at once again.</summary>
    public void MakeDue() => _eager = 0;

    /// <summary>How long until something is due; zero when something is.</summary>
    public TimeSpan UntilNext()
    {
        long due = _queue.TryPeek(out _, out long first) ? first : long.MaxValue;
        if (_pausedUntil != 0)
        {
            due = Math.Min(due, _pausedUntil);
        }

        long left = due - Stopwatch.GetTimestamp();
        return left <= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds((double)left / Stopwatch.Frequency);
    }

    /// <summary>Takes a fault that was due before <paramref name="now"/>.</summary>
    public bool TryTakeDue(long now, out ParkedFault parked)
    {
        if (_pausedUntil != 0 && _pausedUntil <= now)
        {
            _pausedUntil = 0;
        }

        if (_queue.TryPeek(out parked, out long due) && due < now)
        {
            _queue.Dequeue();
            return true;
        }

        parked = default;
        return false;
    }

    private static long After(TimeSpan delay) => Stopwatch.GetTimestamp() + (long)(delay.TotalSeconds * Stopwatch.Frequency);

    private void Add(ParkedFault parked) => _queue.Enqueue(parked with { ReadTimestamp = ReadTimestamp }, parked.DueTimestamp);

    /// <summary>The process that caused the EAGAIN goes on within microseconds of the read; only a slow one is worth a timer.</summary>
    private long SoonTimestamp() => After(_eager++ < EagerTries ? TimeSpan.FromMicroseconds(20) : Slow);
}
