namespace Uffd.Daemon.Tests;

/// <summary>What a daemon told, and waiting for it.</summary>
internal sealed class EventLog
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly Lock _gate = new();
    private readonly List<DaemonEvent> _events = [];
    private TaskCompletionSource _more = New();

    public IReadOnlyList<DaemonEvent> Events
    {
        get
        {
            lock (_gate)
            {
                return [.. _events];
            }
        }
    }

    public void Add(DaemonEvent happened)
    {
        TaskCompletionSource told;
        lock (_gate)
        {
            _events.Add(happened);
            told = _more;
            _more = New();
        }

        told.SetResult();
    }

    public int Count(DaemonEventKind kind, int processId) => Events.Count(happened => happened.Kind == kind && happened.ProcessId == processId);

    public Task<DaemonEvent> WaitAsync(DaemonEventKind kind, int processId = 0)
        => WaitAsync(happened => happened.Kind == kind && (processId == 0 || happened.ProcessId == processId), $"{kind} of {processId}");

    public async Task<DaemonEvent> WaitAsync(Func<DaemonEvent, bool> wanted, string name)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            Task more;
            lock (_gate)
            {
                if (_events.FirstOrDefault(wanted) is { } found)
                {
                    return found;
                }

                more = _more.Task;
            }

            try
            {
                await more.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"the daemon did not tell {name}, but: {string.Join(" | ", Events)}");
            }
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
