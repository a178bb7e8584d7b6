using System.Collections.Concurrent;
using System.Diagnostics;
using Uffd.Paging;

namespace Uffd.Daemon;

/// <summary>Turns what pager and connections do into events for the observer, one at a time.</summary>
internal sealed class ClientReports
{
    private readonly Action<DaemonEvent>? _observer;
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<AddressSpace, Client> _clients = new(ReferenceEqualityComparer.Instance);
    private readonly ConcurrentDictionary<Task, byte> _watches = new();
    private int _lastClient;

    public ClientReports(Action<DaemonEvent>? observer) => _observer = observer;

    public void Report(DaemonEvent happened)
    {
        lock (_gate)
        {
            _observer?.Invoke(happened);
        }
    }

    /// <summary>A client is served: tells so, and later when its memory is resident and when it is gone.</summary>
    public void Attached(AddressSpace space, int processId, int regions)
    {
        Client client = Add(space, processId);
        Report(client.Event(DaemonEventKind.Attached, $"{Sizes.Format(space.TotalBytes)} in {regions} {(regions == 1 ? "region" : "regions")}"));
        Watch(client);
    }

    /// <summary>A client's child is served.</summary>
    public void Forked(AddressSpace child)
    {
        int processId = child.Parent is { } parent && _clients.TryGetValue(parent, out Client? known) ? known.ProcessId : 0;
        Client client = Add(child, processId);
        Report(client.Event(DaemonEventKind.Attached, $"{Sizes.Format(child.TotalBytes)}, a forked child"));
        Watch(client);
    }

    public void Notice(PagerNotice notice)
    {
        if (notice.Kind == PagerNoticeKind.Forked)
        {
            return; // told as a client of its own
        }

        Client? client = _clients.GetValueOrDefault(notice.Space);
        Report(client is null
            ? new DaemonEvent(DaemonEventKind.Notice, notice.Message)
            : client.Event(DaemonEventKind.Notice, notice.Message));
    }

    /// <summary>Waits until the ends of all clients that have ended are told.</summary>
    public Task FlushAsync() => Task.WhenAny(Task.WhenAll(_watches.Keys), Task.Delay(TimeSpan.FromSeconds(1)));

    private Client Add(AddressSpace space, int processId)
    {
        var client = new Client(space, Interlocked.Increment(ref _lastClient), processId, Stopwatch.GetTimestamp());
        _clients[space] = client;
        return client;
    }

    private void Watch(Client client)
    {
        Task watch = WatchAsync(client);
        _watches[watch] = 0;
        _ = watch.ContinueWith(done => _watches.TryRemove(done, out _), TaskScheduler.Default);
    }

    private async Task WatchAsync(Client client)
    {
        if (await Task.WhenAny(client.Space.Resident, client.Space.Ended).ConfigureAwait(false) == client.Space.Resident)
        {
            Report(client.Event(DaemonEventKind.Resident, "resident"));
        }

        AddressSpaceEnd end = await client.Space.Ended.ConfigureAwait(false);
        Report(client.Event(DaemonEventKind.Gone, end switch
        {
            AddressSpaceEnd.TargetExited => "exited",
            AddressSpaceEnd.Stopped => "served no longer",
            _ => "given up",
        }));
        _clients.TryRemove(client.Space, out _);
    }

    private sealed record Client(AddressSpace Space, int Number, int ProcessId, long Since)
    {
        public DaemonEvent Event(DaemonEventKind kind, string message) => new(
            kind,
            message,
            Number,
            ProcessId,
            Space.TotalBytes,
            Stopwatch.GetElapsedTime(Since).TotalSeconds,
            Space.GetStatistics());
    }
}
