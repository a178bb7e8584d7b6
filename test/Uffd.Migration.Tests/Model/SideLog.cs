using System.Collections.Concurrent;

namespace Uffd.Migration.Tests.Model;

/// <summary>What one side told of, its last events kept.</summary>
internal sealed class SideLog
{
    private const int Kept = 40;
    private readonly ConcurrentQueue<MigrationEvent> _last = new();
    private long _events;

    /// <summary>Completes when the phase of the switch, or one behind it, was told.</summary>
    public TaskCompletionSource Switched { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public long Events => Interlocked.Read(ref _events);

    public bool HasPoisoned { get; private set; }

    public void Add(MigrationEvent told)
    {
        Interlocked.Increment(ref _events);
        HasPoisoned |= told.Kind == MigrationEventKind.Poisoned;
        if (told.Progress.Phase is MigrationPhase.PostCopy or MigrationPhase.Done)
        {
            Switched.TrySetResult();
        }

        _last.Enqueue(told);
        if (_last.Count > Kept)
        {
            _last.TryDequeue(out _);
        }
    }

    public override string ToString() => string.Join("\n    ", _last.Select(static told => $"{told.Progress.Elapsed.TotalMilliseconds:F0} ms {told.Progress.Phase} {told.Kind}: {told.Message}"));
}
