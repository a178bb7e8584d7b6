namespace Uffd.Migration.Tests.Support;

/// <summary>Faults happen where they were told to, whatever pieces the bytes go in, and the same by both ways of calling.</summary>
public sealed class FaultyStreamTests
{
    private static readonly byte[] Sent = [.. Enumerable.Range(0, 200).Select(static number => (byte)number)];

    private static readonly Fault[] Faults = [new(FaultKind.Flip, 5, 3), new(FaultKind.Drop, 20, 10), new(FaultKind.Stall, 40, 1), new(FaultKind.Duplicate, 100, 4)];

    private static readonly byte[] Expected = [.. Sent[..5], 5 ^ 8, .. Sent[6..20], .. Sent[30..104], .. Sent[100..]];

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Faults_happen_where_they_were_told_to(bool whenRead, bool asynchronous)
    {
        (DuplexPipe left, DuplexPipe right) = DuplexPipe.Create();
        var track = new FaultTrack(Faults, pieces: null);
        await using var faulty = new FaultyStream(whenRead ? right : left, whenRead ? track : new FaultTrack([], null), whenRead ? new FaultTrack([], null) : track);
        Stream writer = whenRead ? left : faulty;
        Stream reader = whenRead ? faulty : right;
        if (asynchronous)
        {
            await writer.WriteAsync(Sent, TestContext.Current.CancellationToken);
        }
        else
        {
            writer.Write(Sent);
        }

        left.CompleteWrites();
        Assert.Equal(Expected, asynchronous ? await DuplexPipeTests.ReadAllAsync(reader) : DuplexPipeTests.ReadAll(reader));
        Assert.Equal(Sent.Length, track.Bytes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_pieces_change_nothing(int seed)
    {
        (DuplexPipe left, DuplexPipe right) = DuplexPipe.Create();
        using var faulty = new FaultyStream(left, new FaultTrack([], null), new FaultTrack([], new Random(seed)));
        using var reader = new FaultyStream(right, new FaultTrack([], new Random(seed)), new FaultTrack([], null));
        faulty.Write(Sent);
        left.CompleteWrites();
        Assert.Equal(Sent, DuplexPipeTests.ReadAll(reader));
    }

    [Fact]
    public void Cut_happens_at_its_byte()
    {
        (DuplexPipe left, DuplexPipe right) = DuplexPipe.Create();
        using var faulty = new FaultyStream(left, new FaultTrack([], null), new FaultTrack([new Fault(FaultKind.Close, 77, 0)], null));
        Assert.Throws<IOException>(() => faulty.Write(Sent));
        Assert.Equal(Sent[..77], DuplexPipeTests.ReadAll(right));
    }

    [Fact]
    public async Task Stall_for_ever_ends_with_the_connection()
    {
        (DuplexPipe left, _) = DuplexPipe.Create();
        await using var faulty = new FaultyStream(left, new FaultTrack([], null), new FaultTrack([new Fault(FaultKind.Stall, 0, -1)], null));
        Task writing = Task.Run(() => faulty.Write(Sent), TestContext.Current.CancellationToken);
        left.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => writing.WaitAsync(TestTime.Scaled(TimeSpan.FromSeconds(20)), TestContext.Current.CancellationToken));
    }
}
