namespace Uffd.Snapshots.Tests;

/// <summary>
/// A Redis under a writer, read out of snapshots and compared with what the writer knows: each has all writes up to one, and none
/// behind it; all that were acknowledged before the snapshot began, and none that was begun after its end.
/// </summary>
public class RedisConsistencyTests
{
    private const int Tries = 5;

    [Fact(Timeout = 3_600_000)]
    public Task Every_snapshot_has_the_writes_up_to_one_of_them()
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        return CheckAsync(
            InvariantTests.Count,
            async processId =>
            {
                var snapshot = new MemorySnapshot();
                await ObservedSnapshot.TakeAsync(processId, snapshot);
                return snapshot;
            });
    }

    [Theory(Timeout = 300_000)]
    [InlineData("core")]
    [InlineData("image")]
    public async Task A_file_has_the_writes_up_to_one_of_them(string format)
    {
        Requires.Features(UffdFeatures.WriteProtectAsync);
        using var folder = new TemporaryFolder();
        string path = folder.File($"redis.{format}");
        await CheckAsync(
            count: 3,
            async processId =>
            {
                using (ISnapshotSink sink = format is "core" ? ElfCoreWriter.Create(path) : SnapshotImageWriter.Create(path))
                {
                    await ObservedSnapshot.TakeAsync(processId, sink);
                }

                return SnapshotReader.Open(path).Snapshot;
            });
    }

    [Fact(Timeout = 300_000)]
    public Task A_copy_of_the_standing_process_has_them_too() => CheckAsync(InvariantTests.Count, processId => Task.Run<ISnapshot>(() => StandingCopy.Take(processId)));

    [Fact(Timeout = 300_000)]
    public async Task What_gcore_copies_has_them_too()
    {
        using var folder = new TemporaryFolder();
        await CheckAsync(count: 1, processId => Task.Run<ISnapshot>(() => GcoreCopy.Take(processId, folder)));
    }

    [Fact(Timeout = 300_000)]
    public async Task A_plain_copy_of_the_running_process_is_caught()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        using RedisWriter writer = RedisWriter.Start(server);
        var dataset = new RedisDataset(RedisDataset.FindObjects(server));
        int caught = 0;
        for (int count = 0; count < Tries && caught == 0; count++)
        {
            writer.WaitFor(1000);
            long acknowledged = writer.Acknowledged;
            using MemorySnapshot copy = PlainCopy.Take(server.ProcessId);
            try
            {
                dataset.Check(copy, acknowledged, writer.Begun);
            }
            catch (BrokenInvariantException)
            {
                caught++;
            }
        }

        Assert.True(caught > 0, $"{Tries} copies without a stop, and nothing was noticed");
    }

    private static async Task CheckAsync(int count, Func<int, Task<ISnapshot>> take)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        using RedisWriter writer = RedisWriter.Start(server);
        ulong[] addresses = RedisDataset.FindObjects(server);
        var dataset = new RedisDataset(addresses);
        for (int number = 1; number <= count; number++)
        {
            writer.WaitFor(1000);
            long acknowledged = writer.Acknowledged;
            using ISnapshot snapshot = await take(server.ProcessId);
            long begun = writer.Begun;
            try
            {
                dataset.Check(snapshot, acknowledged, begun);
            }
            catch (BrokenInvariantException exception)
            {
                Assert.Fail($"snapshot {number}: {exception.Message}");
            }
        }

        // The writer still works, and the objects are where they were: what was looked at were the live ones.
        writer.WaitFor(1000);
        Assert.Equal(addresses, RedisDataset.FindObjects(server));
    }
}
