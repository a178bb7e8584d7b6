namespace Uffd.Paging.Tests.Stores;

/// <summary>Threads for reads that block: enough, not for ever, and each source's own.</summary>
public sealed class BlockingReadsTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Many_blocked_reads_are_under_way_at_once()
    {
        const int Many = 100;
        var reads = new BlockingReads(Many, Long);
        using var source = new HeldSource();
        Task[] all = Start(reads, source, Many);
        await source.UntilInsideAsync(Many);
        Assert.Equal(Many, reads.Threads);
        source.Release(Many);
        await InTimeAsync(Task.WhenAll(all));
    }

    [Fact]
    public async Task Bytes_are_the_sources_and_go_where_they_should()
    {
        var reads = new BlockingReads(8, Long);
        using var source = new ReadSource(Pattern.Bytes(64 * 512));
        byte[][] found = [.. Enumerable.Range(0, 64).Select(_ => new byte[512])];
        await InTimeAsync(Task.WhenAll(found.Select((bytes, index) => reads.RunAsync(source, (ulong)index * 512, bytes, None).AsTask())));
        Assert.Equal(Pattern.Bytes(64 * 512), found.SelectMany(bytes => bytes).ToArray());
    }

    [Fact]
    public async Task Reads_beyond_the_maximum_wait_their_turn_and_none_is_forgotten()
    {
        var reads = new BlockingReads(3, Long);
        using var source = new HeldSource();
        Task[] all = Start(reads, source, 10);
        await source.UntilInsideAsync(3);
        Assert.Equal(3, reads.Threads);
        source.Release(10);
        await InTimeAsync(Task.WhenAll(all));
        Assert.Equal(3, source.MostInside);
        Assert.Equal(10, source.Reads);
        Assert.Equal(Enumerable.Range(0, 10).Select(read => (ulong)read), source.Offsets.Order());
    }

    [Fact]
    public async Task Source_that_hangs_holds_up_no_other()
    {
        var reads = new BlockingReads(3, Long);
        using var hangs = new HeldSource();
        using var works = new ReadSource(Pattern.Bytes(512));
        Task[] held = Start(reads, hangs, 10);
        await hangs.UntilInsideAsync(3);
        byte[] found = new byte[512];
        await InTimeAsync(reads.RunAsync(works, 0, found, None).AsTask());
        Assert.Equal(Pattern.Bytes(512), found);
        Assert.All(held, task => Assert.False(task.IsCompleted));
        hangs.Release(10);
        await InTimeAsync(Task.WhenAll(held));
    }

    [Fact]
    public async Task Idle_threads_go_and_others_come()
    {
        var reads = new BlockingReads(50, TimeSpan.FromMilliseconds(20));
        using var source = new HeldSource();
        for (int round = 0; round < 3; round++)
        {
            Task[] all = Start(reads, source, 50);
            await source.UntilInsideAsync(50);
            source.Release(50);
            await InTimeAsync(Task.WhenAll(all));
            await Served.UntilAsync(() => reads.Threads == 0, "the idle threads' end");
        }
    }

    [Fact]
    public async Task One_read_after_another_needs_one_thread()
    {
        var reads = new BlockingReads(50, Long);
        using var source = new ReadSource(Pattern.Bytes(512));
        byte[] found = new byte[512];
        for (int read = 0; read < 100; read++)
        {
            await InTimeAsync(reads.RunAsync(source, 0, found, None).AsTask());
        }

        Assert.InRange(reads.Threads, 1, 3); // a thread tells of its read a moment before it is idle
    }

    [Fact]
    public async Task Reads_that_meet_threads_on_their_way_out_are_not_forgotten()
    {
        var reads = new BlockingReads(4, TimeSpan.FromMilliseconds(1));
        using var source = new ReadSource(Pattern.Bytes(512));
        byte[][] found = [.. Enumerable.Range(0, 4).Select(_ => new byte[512])];
        for (int read = 0; read < 300; read++)
        {
            await InTimeAsync(Task.WhenAll(found.Select(bytes => reads.RunAsync(source, 0, bytes, None).AsTask())));
            Thread.Sleep(read % 3);
        }
    }

    [Fact]
    public async Task Cancelled_before_it_begins_it_ends_at_once_and_never_begins()
    {
        var reads = new BlockingReads(1, Long);
        using var source = new HeldSource();
        using var cancellation = new CancellationTokenSource();
        Task first = reads.RunAsync(source, 1, new byte[8], None).AsTask();
        await source.UntilInsideAsync(1);
        Task second = reads.RunAsync(source, 2, new byte[8], cancellation.Token).AsTask();
        Task third = reads.RunAsync(source, 3, new byte[8], None).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => InTimeAsync(second)); // while the only thread is held
        source.Release(2);
        await InTimeAsync(Task.WhenAll(first, third));
        Assert.Equal([1UL, 3UL], source.Offsets);
        Assert.True(reads.RunAsync(source, 4, new byte[8], cancellation.Token).AsTask().IsCanceled);
    }

    [Fact]
    public async Task Cancelled_while_it_is_read_it_ends_when_the_buffer_is_free()
    {
        var reads = new BlockingReads(1, Long);
        using var source = new HeldSource();
        using var cancellation = new CancellationTokenSource();
        Task read = reads.RunAsync(source, 1, new byte[8], cancellation.Token).AsTask();
        await source.UntilInsideAsync(1);
        await cancellation.CancelAsync();
        await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.False(read.IsCompleted);
        source.Release(1);
        await InTimeAsync(read);
    }

    [Fact]
    public async Task What_a_source_throws_is_the_readers_and_the_thread_goes_on()
    {
        var reads = new BlockingReads(1, Long);
        using var source = new HostileSource(new byte[512], read: offset =>
        {
            if (offset == 1)
            {
                throw new InvalidTimeZoneException("of all things");
            }
        });
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => InTimeAsync(reads.RunAsync(source, 1, new byte[8], None).AsTask()));
        await InTimeAsync(reads.RunAsync(source, 0, new byte[8], None).AsTask());
        Assert.Equal(1, reads.Threads);
    }

    [Fact]
    public async Task Without_any_thread_the_read_fails_and_leaves_the_buffer_alone()
    {
        int allowed = 0;
        var reads = new BlockingReads(4, Long, thread => StartIf(thread, Volatile.Read(ref allowed) > 0));
        using var source = new HeldSource();
        IOException exception = await Assert.ThrowsAsync<IOException>(() => InTimeAsync(reads.RunAsync(source, 1, new byte[8], None).AsTask()));
        Assert.Contains("no thread can be started", exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, reads.Threads);
        Volatile.Write(ref allowed, 1);
        Task read = reads.RunAsync(source, 2, new byte[8], None).AsTask();
        source.Release(1);
        await InTimeAsync(read);
        Assert.Equal([2UL], source.Offsets);
    }

    [Fact]
    public async Task With_too_few_threads_reads_wait_for_those_there_are()
    {
        int started = 0;
        var reads = new BlockingReads(10, Long, thread => StartIf(thread, Interlocked.Increment(ref started) <= 2));
        using var source = new HeldSource();
        Task[] all = Start(reads, source, 10);
        await source.UntilInsideAsync(2);
        source.Release(10);
        await InTimeAsync(Task.WhenAll(all));
        Assert.Equal(2, source.MostInside);
    }

    [Fact]
    public async Task Default_of_the_interface_reads_on_such_a_thread()
    {
        using IPageSource source = new HostileSource(new byte[512], read: _ => Assert.Equal("uffd-read", Thread.CurrentThread.Name));
        await InTimeAsync(source.ReadAsync(0, new byte[8], None).AsTask());
    }

    private static void StartIf(Thread thread, bool allowed)
    {
        if (!allowed)
        {
            throw new IOException("no more threads"); // the runtime says OutOfMemoryException
        }

        thread.UnsafeStart();
    }

    private static Task[] Start(BlockingReads reads, HeldSource source, int count)
        => [.. Enumerable.Range(0, count).Select(read => reads.RunAsync(source, (ulong)read, new byte[8], None).AsTask())];

    private static Task InTimeAsync(Task task) => task.WaitAsync(Served.Patience, TestContext.Current.CancellationToken);

    /// <summary>Holds each read until it is released.</summary>
    private sealed class HeldSource : IPageSource
    {
        private readonly SemaphoreSlim _released = new(0);
        private readonly AtOnce _inside = new();
        private int _reads;

        public ulong Length => 1024;

        public int MostInside => _inside.Most;

        public int Reads => Volatile.Read(ref _reads);

        public System.Collections.Concurrent.ConcurrentQueue<ulong> Offsets { get; } = new();

        public void Release(int reads) => _released.Release(reads);

        public Task UntilInsideAsync(int reads) => Served.UntilAsync(() => _inside.Now == reads, $"{reads} reads at once");

        public void Read(ulong offset, Span<byte> destination)
        {
            _inside.Enter();
            Offsets.Enqueue(offset);
            Interlocked.Increment(ref _reads);
            Assert.True(_released.Wait(TimeSpan.FromSeconds(40)), "nobody released the read");
            _inside.Leave();
        }

        public void Dispose() => _released.Dispose();
    }
}
