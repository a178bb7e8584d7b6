using System.Diagnostics;
using System.Net;
using Uffd.Migration;
using Uffd.Paging;
using Uffd.Samples.KeyValue;

namespace Uffd.Tool.Migrate;

/// <summary>The source and its client: fills a store, uses it, moves it while it is used, and looks for every write where it is then.</summary>
internal static class MigrateSourceSide
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    /// <param name="options">What to do.</param>
    /// <param name="to">Where a destination waits for the memory.</param>
    /// <param name="clients">Where it answers clients.</param>
    /// <param name="cancellation">Ends the demo.</param>
    /// <exception cref="IOException">The store could not be moved, or a client was not answered.</exception>
    public static async Task<MigrateResult> RunAsync(MigrateOptions options, MigrationAddress to, string clients, CancellationToken cancellation)
    {
        int keys = MigrateRecords.CountFor(options.Bytes);
        using var store = new KeyValueStore(new MemoryPageStore(options.Bytes));
        await Task.Run(() => MigrateRecords.Fill(store, keys, share => options.Tell(new MigrateMoment(MigrateStep.Fill, share)), cancellation), cancellation);
        store.Start();
        using var server = new KeyValueServer(new IPEndPoint(IPAddress.Loopback, 0), store);
        using var load = new MigrateLoad(server.Address, keys);
        load.Start();
        await WatchAsync(options, MigrateStep.Before, load, cancellation);

        load.Enter(MigrateStep.Move);
        long started = Stopwatch.GetTimestamp();
        MigrationSummary summary = await MoveAsync(options, store, to, clients, load, cancellation);
        TimeSpan total = Stopwatch.GetElapsedTime(started);

        load.Enter(MigrateStep.After);
        await WatchAsync(options, MigrateStep.After, load, cancellation);
        load.Stop();
        await ThrowIfFailedAsync(load);
        long faults = 0;
        MigrateLoadResult found = await Task.Run(() => load.Verify(share => options.Tell(new MigrateMoment(MigrateStep.Verify, share)), out faults, cancellation), cancellation);
        return new MigrateResult(options, keys, summary, total, faults, found);
    }

    /// <summary>Where a destination that waits for memory at an address answers clients: a port further.</summary>
    public static string ClientsOf(MigrationAddress to)
        => to.Host.Contains(':', StringComparison.Ordinal) ? $"[{to.Host}]:{to.Port + 1}" : $"{to.Host}:{to.Port + 1}";

    private static async Task<MigrationSummary> MoveAsync(MigrateOptions options, KeyValueStore store, MigrationAddress to, string clients, MigrateLoad load, CancellationToken cancellation)
    {
        using var sender = new StoreSender(store, to, clients, options.Links, options.ToSourceOptions());
        Task<MigrationSummary> moving = sender.RunAsync(cancellation);
        while (!moving.IsCompleted)
        {
            MigrationProgress progress = sender.GetProgress();
            options.Tell(new MigrateMoment(MigrateStep.Move, Share(progress), progress));

            // Who waits for a destination that has gone, after the switch, would wait for ever: its clients know.
            await Task.WhenAny(moving, load.Failed, Task.Delay(Tick, cancellation));
            await ThrowIfFailedAsync(load);
            if (!moving.IsCompleted)
            {
                cancellation.ThrowIfCancellationRequested();
            }
        }

        return await moving;
    }

    private static double Share(MigrationProgress progress)
        => progress.TotalBytes == 0 ? 0 : Math.Clamp(1 - (progress.LeftBytes / (double)progress.TotalBytes), 0, 1);

    private static async Task WatchAsync(MigrateOptions options, MigrateStep step, MigrateLoad load, CancellationToken cancellation)
    {
        for (long started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) is var elapsed && elapsed < MigrateOptions.Watched;)
        {
            options.Tell(new MigrateMoment(step, elapsed / MigrateOptions.Watched));
            await Task.WhenAny(load.Failed, Task.Delay(Tick, cancellation));
            await ThrowIfFailedAsync(load);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    private static async Task ThrowIfFailedAsync(MigrateLoad load)
    {
        if (load.Failed.IsCompleted)
        {
            await load.Failed;
        }
    }
}
