using Uffd.Migration.Tests.Support;

namespace Uffd.Migration.Tests.Hostile;

/// <summary>A source ends with a clear error whatever a destination says, and its workload goes on: before the switch as if nothing had been, and after it not at all.</summary>
[Collection(nameof(AloneCollection))]
public sealed class HostileDestinationTests
{
    private static readonly Dictionary<string, (Action<WirePeer> Attack, string Told)> Attacks = new(StringComparer.Ordinal)
    {
        ["says nothing"] = (static _ => { }, "nothing went over"),
        ["closes at once"] = (static peer => peer.Dispose(), "not resumed"),
        ["speaks HTTP"] = (static peer => peer.SendRaw("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"u8), "destination of Uffd"),
        ["says that it is there, and no more"] = (static peer => peer.PingForEver(), "not answered"),
        ["another version"] = (static peer => Welcome(peer, version: 9), "version"),
        ["a state that there is not"] = (static peer => Welcome(peer, state: 9), "answer is none"),
        ["the switch was made"] = (static peer => Welcome(peer, state: 1), "not sent"),
        ["the workload runs"] = (static peer => Welcome(peer, state: 2), "not sent"),
        ["it has everything"] = (static peer => Welcome(peer, state: 3), "not sent"),
        ["more regions"] = (static peer => Welcome(peer, regions: 2), "answer is none"),
        ["billions of regions"] = (static peer => Welcome(peer, regions: uint.MaxValue), "answer is none"),
        ["welcomes twice"] = (static peer => { Welcome(peer); Answer(peer, 1, 0, 1); }, "does not send"),
        ["a half answer"] = (static peer => { _ = peer.ReceiveUntil(FrameType.Hello); peer.Send(new WireFrame(FrameType.Welcome, 1, 0, 0)); }, "shorter"),
        ["starts at once"] = (static peer => { Welcome(peer); peer.Send(new WireFrame(FrameType.Started)); }, "not sent"),
        ["is done at once"] = (static peer => { Welcome(peer); peer.Send(new WireFrame(FrameType.Done)); }, "not sent"),
        ["asks before the switch"] = (static peer => { Welcome(peer); Want(peer, 1, 0, 0, 1); }, "before the switch"),
        ["asks for no region"] = (static peer => { Welcome(peer); Want(peer, 1, 5, 0, 1); }, "does not have"),
        ["asks behind the end"] = (static peer => { Welcome(peer); Want(peer, 1, 0, 256, 1); }, "does not have"),
        ["asks for everything"] = (static peer => { Welcome(peer); Want(peer, 1, 0, 0, uint.MaxValue); }, "does not have"),
        ["asks without a number"] = (static peer => { Welcome(peer); Want(peer, 0, 0, 0, 1); }, "does not have"),
        ["asks with a wrapped place"] = (static peer => { Welcome(peer); Want(peer, 1, 0, ulong.MaxValue, 2); }, "does not have"),
        ["acknowledges what was not sent"] = (static peer => { Welcome(peer); Flushed(peer, 0, 1000); }, "not sent"),
        ["acknowledges on no stream"] = (static peer => { Welcome(peer); Flushed(peer, 99, 0); }, "not sent"),
        ["never acknowledges"] = (static peer => { Welcome(peer); Drain(peer); peer.PingForEver(); }, "not answered"),
        ["never reads"] = (static peer => { Welcome(peer); peer.PingForEver(); }, "nothing went over"),
        ["an unknown type"] = (static peer => { Welcome(peer); peer.Send(new WireFrame(99, [], [])); }, "type 99"),
        ["a source's message"] = (static peer => { Welcome(peer); peer.Send(new WireFrame(FrameType.Bye)); }, "does not send"),
        ["pages"] = (static peer => { Welcome(peer); peer.Send(new WireFrame((byte)FrameType.Pages, [], new byte[4096])); }, "does not send"),
        ["its end"] = (static peer => { Welcome(peer); peer.Send(FrameType.Error, static writer => writer.Byte(1).Text("no\nroom", 250)); }, "room"),
        ["an end that it may not say"] = (static peer => { Welcome(peer); peer.Send(FrameType.Error, static writer => writer.Byte(0).Text("because", 250)); }, "because"),
    };

    public static TheoryData<string> Names => [.. Attacks.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Workload_goes_on_at_the_source(string name)
    {
        (Action<WirePeer> attack, string told) = Attacks[name];
        var violations = new Violations();
        using var peer = new WirePeer(capacity: name is "never reads" ? 1 << 14 : 16 << 20);
        long before = GC.GetTotalAllocatedBytes();
        (Exception? failure, TestWorkload workload, TestMemory memory) = await HostileSide.SourceAsync(peer, attack, violations);
        using (workload)
        {
            HostileSide.AssertOneLine(failure);
            Assert.Contains(told, failure!.Message, StringComparison.Ordinal);
            Assert.False(((MigrationException)failure).MayHaveMoved);
            Assert.False(workload.IsPaused);
            Assert.False(memory.IsTracked);
            long writes = workload.Writes;
            Assert.True(SpinWait.SpinUntil(() => workload.Writes > writes, HostileSide.Patience));
        }

        Assert.Empty(violations.All);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 4 * HostileSide.MostBytes); // the connection's room included
    }

    [Theory]
    [InlineData(FrameType.Welcome)]
    [InlineData(FrameType.Error)]
    [InlineData(FrameType.Want)]
    internal async Task After_the_switch_the_source_keeps_its_pages_whatever_is_said(FrameType rubbish)
    {
        var violations = new Violations();
        using var peer = new WirePeer(capacity: 16 << 20);
        MigrationSource? source = null;
        var memory = new TestMemory(16, violations);
        using var workload = new TestWorkload([memory], [new PageWriter(null, 1)], violations, seed: 1, burst: 1);
        source = new MigrationSource([memory], null, workload, new MigrationSourceOptions { MaxRounds = 0, StallTimeout = TimeSpan.FromSeconds(2), ResumeTimeout = TimeSpan.FromMilliseconds(50) });
        Task run = source.RunAsync(peer.Link, TestContext.Current.CancellationToken);
        await Task.Run(() => Welcome(peer), TestContext.Current.CancellationToken).WaitAsync(HostileSide.Patience, TestContext.Current.CancellationToken);
        Assert.NotNull(await Task.Run(() => peer.ReceiveUntil(FrameType.Switch), TestContext.Current.CancellationToken).WaitAsync(HostileSide.Patience, TestContext.Current.CancellationToken));
        peer.Send(new WireFrame(FrameType.Started));
        peer.Send(rubbish == FrameType.Error ? WireFrame.Of(rubbish, static writer => writer.Byte(0).Text("rubbish", 250)) : new WireFrame(rubbish, 1, 2, 3));
        await peer.Closed.WaitAsync(HostileSide.Patience, TestContext.Current.CancellationToken);
        if (rubbish != FrameType.Error)
        {
            Assert.False(run.IsCompleted); // it waits for another connection
            source.GiveUp();
        }

        MigrationException failure = await Assert.ThrowsAsync<MigrationException>(() => run.WaitAsync(HostileSide.Patience, TestContext.Current.CancellationToken));
        Assert.True(failure.MayHaveMoved);
        Assert.True(workload.Stands);
        Assert.Empty(violations.All);
        source.Dispose();
    }

    [Fact]
    public async Task Flood_of_requests_is_answered_or_ends_the_connection_and_takes_no_memory()
    {
        var violations = new Violations();
        using var peer = new WirePeer(capacity: 1 << 16);
        var memory = new TestMemory(256, violations);
        new PageWriter(null, 1).Fill(memory, new Random(1), 0);
        using var workload = new TestWorkload([memory], [new PageWriter(null, 1)], violations, seed: 1, burst: 0);
        using var source = new MigrationSource([memory], null, workload, new MigrationSourceOptions { MaxRounds = 0, StallTimeout = TimeSpan.FromMilliseconds(300), ResumeTimeout = TimeSpan.FromMilliseconds(50) });
        Task run = source.RunAsync(peer.Link, TestContext.Current.CancellationToken);
        await Task.Run(() => Welcome(peer), TestContext.Current.CancellationToken).WaitAsync(HostileSide.Patience, TestContext.Current.CancellationToken);
        Assert.NotNull(await Task.Run(() => peer.ReceiveUntil(FrameType.Switch), TestContext.Current.CancellationToken).WaitAsync(HostileSide.Patience, TestContext.Current.CancellationToken));
        long before = GC.GetTotalMemory(forceFullCollection: true);
        await Task.Run(() =>
        {
            for (uint request = 1; request < 200_000 && !peer.Closed.IsCompleted; request++)
            {
                Want(peer, request, 0, 0, 256, isAwaited: request % 100 == 0); // and never reads
            }
        }, TestContext.Current.CancellationToken).WaitAsync(HostileSide.Patience, TestContext.Current.CancellationToken);
        await peer.Closed.WaitAsync(HostileSide.Patience, TestContext.Current.CancellationToken);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, HostileSide.MostBytes);
        Assert.False(run.IsCompleted);
        source.GiveUp();
        await Assert.ThrowsAsync<MigrationException>(() => run.WaitAsync(HostileSide.Patience, TestContext.Current.CancellationToken));
    }

    private static void Welcome(WirePeer peer, uint version = 1, byte state = 0, uint regions = 1)
    {
        _ = peer.ReceiveUntil(FrameType.Hello);
        Answer(peer, version, state, regions);
    }

    private static void Answer(WirePeer peer, uint version, byte state, uint regions) => peer.Send(FrameType.Welcome, writer => writer.UInt32(version).UInt32(0).Byte(state).UInt32(regions).Byte(0));

    private static void Want(WirePeer peer, ulong request, uint region, ulong first, uint pages, bool isAwaited = false)
        => peer.Send(FrameType.Want, writer => writer.UInt64(request).UInt64(first).UInt32(region).UInt32(pages).Byte(isAwaited ? (byte)1 : (byte)0));

    private static void Flushed(WirePeer peer, uint stream, ulong token) => peer.Send(FrameType.Flushed, writer => writer.UInt32(stream).UInt64(token));

    /// <summary>Reads all that comes, in the background.</summary>
    private static void Drain(WirePeer peer) => new Thread(() =>
    {
        while (peer.Receive() is not null)
        {
        }
    })
    {
        IsBackground = true,
    }.Start();
}
