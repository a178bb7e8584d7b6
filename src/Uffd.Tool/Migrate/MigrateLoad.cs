using System.Diagnostics;
using System.Net;
using Uffd.Paging;
using Uffd.Samples.KeyValue;

namespace Uffd.Tool.Migrate;

/// <summary>
/// The client: two connections that write and read without pause, each its own half of the keys, and remember every write that was acknowledged. What they read must be what they
/// wrote last.
/// </summary>
internal sealed class MigrateLoad : IDisposable
{
    private const int Connections = 2;
    private const int BatchKeys = 128;

    private readonly IPEndPoint _server;
    private readonly int[] _versions; // acknowledged
    private readonly LatencyHistogram[] _latencies = [new(), new(), new()];
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread[] _threads;
    private volatile int _phase;
    private volatile bool _isOver;
    private long _requests;
    private long _writes;
    private long _lost;

    /// <param name="server">Where the store is at first.</param>
    /// <param name="keys">How many keys it has.</param>
    public MigrateLoad(IPEndPoint server, int keys)
    {
        _server = server;
        _versions = new int[keys];
        _threads = [.. Enumerable.Range(0, Connections).Select(half => new Thread(() => Run(half)) { IsBackground = true, Name = "client" })];
    }

    /// <summary>Fails when a request does: the demo is over then. Never ends otherwise.</summary>
    public Task Failed => _failed.Task;

    public void Start() => Array.ForEach(_threads, thread => thread.Start());

    /// <summary>Requests that begin from now on count as those while the store moves, or afterwards.</summary>
    public void Enter(MigrateStep step) => _phase = step switch
    {
        MigrateStep.Before => 0,
        MigrateStep.Move => 1,
        _ => 2,
    };

    /// <summary>Returns when no request is under way any more.</summary>
    public void Stop()
    {
        _isOver = true;
        Array.ForEach(_threads, thread => thread.Join());
    }

    /// <summary>Looks for every write.</summary>
    /// <param name="tell">Told the share that is done.</param>
    /// <param name="faults">How many requests the store tells to have waited for a page since it moved.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="IOException">The server does not answer.</exception>
    public MigrateLoadResult Verify(Action<double> tell, out long faults, CancellationToken cancellation)
    {
        using var client = new KeyValueClient(_server.Address.ToString(), _server.Port);
        string[] statistics = client.Ask("STATS").Split("faults=");
        faults = statistics.Length == 2 && long.TryParse(statistics[1], out long told) ? told : throw new IOException($"the server has no statistics: {statistics[0]}");
        if (client.Moves == 0)
        {
            throw new IOException("the server has not sent its clients elsewhere");
        }

        for (int first = 0; first < _versions.Length; first += BatchKeys)
        {
            cancellation.ThrowIfCancellationRequested();
            tell(first / (double)_versions.Length);
            int[] keys = [.. Enumerable.Range(first, Math.Min(BatchKeys, _versions.Length - first))];
            IReadOnlyList<string?> values = client.GetAll([.. keys.Select(MigrateRecords.Key)]);
            _lost += keys.Count(key => !string.Equals(values[key - first], MigrateRecords.Value(key, _versions[key]), StringComparison.Ordinal));
        }

        return new MigrateLoadResult(_latencies[0], _latencies[1], _latencies[2], _requests, _writes, _lost);
    }

    public void Dispose() => _isOver = true;

    private void Run(int half)
    {
        try
        {
            using var client = new KeyValueClient(_server.Address.ToString(), _server.Port);
            var random = new Random(half);
            long requests = 0;
            for (; !_isOver; requests++)
            {
                int key = (random.Next((_versions.Length - half + Connections - 1) / Connections) * Connections) + half;
                LatencyHistogram latency = _latencies[_phase];
                bool writes = random.Next(2) == 0;
                string expected = MigrateRecords.Value(key, _versions[key] + (writes ? 1 : 0));
                string name = MigrateRecords.Key(key);
                long start = Stopwatch.GetTimestamp();
                string? found = expected;
                if (writes)
                {
                    client.Set(name, expected);
                }
                else
                {
                    found = client.Get(name);
                }

                latency.Add((long)Stopwatch.GetElapsedTime(start).TotalNanoseconds);
                _versions[key] += writes ? 1 : 0;
                if (writes)
                {
                    Interlocked.Increment(ref _writes);
                }
                else if (!string.Equals(found, expected, StringComparison.Ordinal))
                {
                    Interlocked.Increment(ref _lost);
                }
            }

            Interlocked.Add(ref _requests, requests);
        }
        catch (Exception exception)
        {
            _failed.TrySetException(exception);
            _ = _failed.Task.Exception; // who does not look at it need not
        }
    }
}
