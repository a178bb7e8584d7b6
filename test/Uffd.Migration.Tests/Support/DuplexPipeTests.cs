namespace Uffd.Migration.Tests.Support;

/// <summary>The connection that the other tests stand on behaves as a socket does.</summary>
public sealed class DuplexPipeTests
{
    private static readonly TimeSpan Patience = TestTime.Scaled(TimeSpan.FromSeconds(20));

    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(1 << 16)]
    public async Task Bytes_come_in_order_in_both_directions(int capacity)
    {
        (DuplexPipe left, DuplexPipe right) = DuplexPipe.Create(capacity);
        byte[] sent = new byte[10_000];
        new Random(1).NextBytes(sent);
        Task writing = Task.Run(() => { left.Write(sent); left.CompleteWrites(); }, TestContext.Current.CancellationToken);
        Task back = Task.Run(async () => { await right.WriteAsync(sent); right.CompleteWrites(); }, TestContext.Current.CancellationToken);
        Task<byte[]> there = Task.Run(() => ReadAll(right), TestContext.Current.CancellationToken);
        Task<byte[]> here = ReadAllAsync(left);
        await Task.WhenAll(writing, back, there, here).WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(sent, await there);
        Assert.Equal(sent, await here);
    }

    [Fact]
    public async Task Disposal_ends_calls_that_wait()
    {
        (DuplexPipe left, DuplexPipe right) = DuplexPipe.Create(10);
        Task[] waiting =
        [
            Task.Run(() => left.ReadExactly(new byte[1]), TestContext.Current.CancellationToken),
            Task.Run(() => left.Write(new byte[11]), TestContext.Current.CancellationToken),
        ];
        Task asynchronous = right.WriteAsync(new byte[100], TestContext.Current.CancellationToken).AsTask();
        await Task.Delay(10, TestContext.Current.CancellationToken); // most often they wait by then; it holds when they do not
        left.Dispose();
        Assert.True(left.Closed.IsCompleted);
        foreach (Task one in waiting)
        {
            Exception? failure = await Record.ExceptionAsync(() => one.WaitAsync(Patience, TestContext.Current.CancellationToken));
            Assert.True(failure is null or ObjectDisposedException, failure?.ToString()); // a byte may have come to be read
        }

        await Assert.ThrowsAsync<IOException>(() => asynchronous.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Throws<IOException>(() => right.Write([1]));
    }

    [Fact]
    public void Reset_loses_what_was_on_its_way_and_the_end_does_not()
    {
        (DuplexPipe left, DuplexPipe right) = DuplexPipe.Create();
        left.Write([1, 2, 3]);
        left.Reset();
        Assert.Throws<IOException>(() => right.ReadExactly(new byte[3]));

        (left, right) = DuplexPipe.Create();
        left.Write([1, 2, 3]);
        left.Sever();
        Assert.Throws<IOException>(() => left.Write([4]));
        Assert.Equal([1, 2, 3], ReadAll(right));

        (left, right) = DuplexPipe.Create();
        left.Write([1, 2, 3]);
        left.Dispose();
        Assert.Equal([1, 2, 3], ReadAll(right));
    }

    internal static byte[] ReadAll(Stream stream)
    {
        using var all = new MemoryStream();
        stream.CopyTo(all, 777);
        return all.ToArray();
    }

    internal static async Task<byte[]> ReadAllAsync(Stream stream)
    {
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, 777);
        return all.ToArray();
    }
}
