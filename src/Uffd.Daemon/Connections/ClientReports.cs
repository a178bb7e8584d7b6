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
    private long _refused;

    public ClientReports(Action<DaemonEvent>? observer) => _observer = observer;

    /// <summary>How many clients there were.</summary>
    public int AttachedCount => Volatile.Read(ref _lastClient);

    /// <summary>How many connections were refused.</summary>
    public long RefusedCount => Volatile.Read(ref _refused);

    /// <summary>The clients that are served.</summary>
    /// <param name="most">How many to look at: the latest.</param>
    /// <param name="count">How many there are.</param>
    public IReadOnlyList<ClientStatus> TakeClients(int most, out int count)
    {
        Client[] clients = [.. _clients.Values.OrderBy(client => client.Number)];
        count = clients.Length;
        return [.. clients.TakeLast(most).Select(client => client.Status())];
    }

    public void Report(DaemonEvent happened)
    {
        if (happened.Kind == DaemonEventKind.Refused)
        {
            Interlocked.Increment(ref _refused);
        }

        lock (_gate)
        {
            _observer?.Invoke(happened);
        }
    }

    /// <summary>A client is served: tells so, and later when its memory is resident and when it is gone.</summary>
    public void Attached(AddressSpace space, int processId, int regions)
    {
        Client client = Add(space, processId, ProcessNames.Read(processId));
        Report(client.Event(DaemonEventKind.Attached, $"{Sizes.Format(space.TotalBytes)} in {regions} {(regions == 1 ? "region" : "regions")}"));
        Watch(client);
    }

    /// <summary>A client's child is served.</summary>
    public void Forked(AddressSpace child)
    {
        Client? parent = child.Parent is { } space ? _clients.GetValueOrDefault(space) : null;
        Client client = Add(child, parent?.ProcessId ?? 0, parent?.Name ?? "");
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

    private Client Add(AddressSpace space, int processId, string name)
    {
        var client = new Client(space, Interlocked.Increment(ref _lastClient), processId, name, Stopwatch.GetTimestamp());
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

    private sealed record Client(AddressSpace Space, int Number, int ProcessId, string Name, long Since)
    {
        public ClientStatus Status() => new()
        {
            Number = Number,
            ProcessId = ProcessId,
            Name = Name,
            Seconds = Math.Round(Stopwatch.GetElapsedTime(Since).TotalSeconds, 3),
            Counts = Space.GetStatistics(),
        };

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
