using Uffd.Migration.Tests.Service.Support;
using Uffd.Migration.Tests.Support;
using Uffd.Paging;

namespace Uffd.Migration.Tests.Service;

/// <summary>A region moves to another, with all that is between the two: it is written until the switch at one side, from then on at the other, and every byte is what was written last.</summary>
public sealed class MovingRegionTests
{
    private const int Page = 4096;
    private const int Pages = 512;
    private const int Words = Pages * Page / sizeof(long);

    [Theory]
    [InlineData(0, NotConverging.PostCopy, 1, 0)]
    [InlineData(0, NotConverging.PostCopy, 2, 3)]
    [InlineData(2, NotConverging.PostCopy, 2, 2)]
    [InlineData(3, NotConverging.Stop, 2, 0)]
    public async Task Every_word_is_what_was_written_last(int rounds, NotConverging otherwise, int streams, int breaks)
    {
        RequireOwnMemory();
        var session = Guid.NewGuid();
        long[] model = new long[Words];
        var pages = new TrackedPageStore(new MemoryPageStore(Pages * Page));
        using var region = PagedRegion.Create(pages, new PagedRegionOptions { MemoryLimit = 128 * Page }); // pages go and come
        var writer = new Writer(region, model);
        for (int word = 0; word < Words; word += 64)
        {
            region.Memory.Write(word * 8L, model[word] = word + 1);
        }

        StoreLanding? landing = null;
        PagedRegion? moved = null;
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var source = new MigrationSource([new PagedRegionMemory(region, pages)], ["words"], writer, new MigrationSourceOptions { MaxRounds = rounds, NotConverging = otherwise });
        using var destination = new MigrationDestination(new MigrationDestinationOptions
        {
            Land = announced =>
            {
                landing = new StoreLanding(announced, new MemoryPageStore(announced.Length), new StoreLandingOptions { ReadBytes = 4 * Page, WindowBytes = 16 * Page });
                moved = PagedRegion.Create(landing.Store, new PagedRegionOptions { MemoryLimit = 128 * Page });
                return landing;
            },
            Start = (state, _) =>
            {
                Assert.Equal([1, 2, 3], state.ToArray());
                started.SetResult();
                return ValueTask.CompletedTask;
            },
        });
        writer.Start();
        (MigrationLink from, MigrationLink to) = Connect(session, streams);
        Task<MigrationSummary> sending = source.RunAsync(from, TestContext.Current.CancellationToken);
        Task<MigrationSummary> receiving = destination.RunAsync(to, TestContext.Current.CancellationToken);
        await Task.WhenAny(started.Task, sending, receiving).Soon();
        if (!started.Task.IsCompleted)
        {
            await Task.WhenAll(sending, receiving).Soon();
        }

        Task work = Patience.OnThread(() => Use(moved!, model));
        for (int at = 0; at < breaks; at++)
        {
            ((DuplexPipe)from.Streams[at % streams]).Reset();
            (from, to) = Connect(session, streams);
            source.Resume(from);
            destination.Resume(to);
        }

        await work.Soon();
        await sending.Soon();
        await receiving.Soon();
        await landing!.Completed.Soon();
        Assert.Equal(0UL, landing.GetStatistics().LostBytes);
        using (moved)
        {
            byte[] all = new byte[Pages * Page];
            moved!.Memory.CopyTo(0, all);
            Assert.True(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(all).SequenceEqual(model));
        }
    }

    /// <summary>What a workload at the destination does from the switch on.</summary>
    private static void Use(PagedRegion region, long[] model)
    {
        var random = new Random(7);
        for (int turn = 0; turn < 3000; turn++)
        {
            int word = random.Next(Words);
            if (turn % 3 == 0)
            {
                region.Memory.Write(word * 8L, model[word] = -turn);
            }
            else
            {
                Assert.Equal(model[word], region.Memory.Read<long>(word * 8L));
            }
        }
    }

    private static (MigrationLink Source, MigrationLink Destination) Connect(Guid session, int streams)
    {
        (DuplexPipe Left, DuplexPipe Right)[] pipes = [.. Enumerable.Range(0, streams).Select(_ => DuplexPipe.Create())];
        return (new MigrationLink(session, [.. pipes.Select(pipe => pipe.Left)]), new MigrationLink(session, [.. pipes.Select(pipe => pipe.Right)]));
    }

    private static void RequireOwnMemory()
    {
        Requires.Paging();
        Requires.Features(UffdFeatures.WriteProtectAsync | UffdFeatures.Sigbus);
    }

    /// <summary>Writes until it is paused.</summary>
    private sealed class Writer(PagedRegion region, long[] model) : IMigrationWorkload
    {
        private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private volatile bool _isPaused;

        public void Start() => _ = Patience.OnThread(() =>
        {
            var random = new Random(3);
            for (long write = 1; !_isPaused; write++)
            {
                int word = random.Next(Words);
                region.Memory.Write(word * 8L, model[word] = write);
            }

            _stopped.SetResult();
        });

        public async ValueTask<ReadOnlyMemory<byte>> PauseAsync(CancellationToken cancellation)
        {
            _isPaused = true;
            await _stopped.Task.Soon();
            return new byte[] { 1, 2, 3 };
        }

        public ValueTask ResumeAsync() => throw new InvalidOperationException("nothing is to go wrong here");
    }
}
