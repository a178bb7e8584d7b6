using Uffd.Paging;

namespace Uffd.Daemon.Tests.Stopping;

/// <summary>Stopping: what is missing is brought, and what cannot be is an error. Nobody reads zeros.</summary>
public sealed class StopTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task Drain_brings_what_is_missing_with_faults_waiting()
    {
        using var source = new GatedSource(TestImage.Usual);
        await using Scene scene = Scene.Start(options => options with { DrainTimeout = Long }, source);
        await using TestClient waiting = await scene.AttachAsync(TestImage.Pages);
        await using TestClient idle = await scene.AttachAsync(TestImage.Pages);
        await waiting.Target.CloseUserfaultfdAsync();
        await idle.Target.CloseUserfaultfdAsync();
        TargetJob touch = await waiting.Target.BeginTouchAsync(4, 0, 40 * TestImage.Page);
        await waiting.WaitUntilStuckAsync();
        Task stop = scene.StopAsync();
        DaemonEvent draining = await scene.Log.WaitAsync(DaemonEventKind.Draining);
        Assert.Contains("2 clients still miss", draining.Message, StringComparison.Ordinal);
        source.Open();
        await stop;
        Assert.All(await touch.JoinTouchesAsync(), value => Assert.Null(value.Signal));
        await waiting.VerifyAsync(scene.Image);
        await idle.VerifyAsync(scene.Image);
        Assert.Equal(DaemonEventKind.Stopped, scene.Log.Events[^1].Kind);
        Assert.Equal(2, scene.Log.Events.Count(happened => happened.Kind == DaemonEventKind.Gone));
    }

    [Fact]
    public async Task Without_drain_what_is_missing_is_poisoned()
    {
        await using Scene scene = Scene.Start();
        await using TestClient client = await scene.AttachAsync();
        await client.VerifyAsync(scene.Image, length: TestImage.Page);
        await client.Target.CloseUserfaultfdAsync();
        await scene.StopAsync();
        await client.VerifyAsync(scene.Image, length: TestImage.Page);
        Assert.Equal(TouchResult.Sigbus, await client.Target.TouchAsync(4096));
        Assert.Equal(TouchResult.Sigbus, await client.Target.TouchAsync(client.Range.Length - 1));
        Assert.False(File.Exists(scene.SocketPath));
    }

    [Fact]
    public async Task Faults_under_way_while_it_stops_without_drain_read_right_or_fail()
    {
        await using Scene scene = Scene.Start();
        await using TestClient client = await scene.AttachAsync(TestImage.Pages);
        await client.Target.CloseUserfaultfdAsync();
        ulong[] offsets = [.. Enumerable.Range(0, TestImage.Pages).Select(page => (ulong)page * TestImage.Page)];
        TargetJob touch = await client.Target.BeginTouchAsync(8, offsets);
        await scene.StopAsync();
        TouchResult[] values = await touch.JoinTouchesAsync();
        Assert.Equal(8 * offsets.Length, values.Length);
        for (int index = 0; index < values.Length; index++)
        {
            byte right = scene.Image.Bytes[offsets[index % offsets.Length]];
            Assert.True(values[index] == TouchResult.Sigbus || values[index].Value == right, $"{values[index]} where {right} belongs");
        }
    }

    [Fact]
    public async Task Hurrying_ends_the_drain_and_poisons()
    {
        using var source = new FailingSource(TestImage.Usual) { FailsFrom = 8 * TestImage.Page }; // the drain can never end
        await using Scene scene = Scene.Start(options => options with { DrainTimeout = Long }, source);
        await using TestClient client = await scene.AttachAsync(TestImage.Pages);
        using var hurry = new CancellationTokenSource();
        Task stop = scene.Daemon.StopAsync(hurry.Token);
        await scene.Log.WaitAsync(DaemonEventKind.Draining);
        await hurry.CancelAsync();
        await stop;
        Assert.Equal(TouchResult.Sigbus, await client.Target.TouchAsync(20 * TestImage.Page));
    }

    [Fact]
    public async Task Kill_policy_kills_who_misses_pages_and_nobody_else()
    {
        await using Scene scene = Scene.Start(options => options with { FailurePolicy = FaultFailurePolicy.Terminate });
        await using TestClient missing = await scene.AttachAsync();
        await using TestClient complete = await scene.AttachAsync();
        await complete.VerifyAsync(scene.Image);
        await scene.StopAsync();
        await Assert.ThrowsAnyAsync<TargetException>(() => missing.Target.RunAsync("pid"));
        await complete.VerifyAsync(scene.Image);
    }

    [Fact]
    public async Task Client_in_the_queue_when_it_stops_is_served_or_poisoned()
    {
        // Its thread is held in the observer until the client waits in the queue and the stop has begun.
        using var stopping = new ManualResetEventSlim();
        var log = new EventLog();
        await using Scene scene = Scene.Start(options => options with
        {
            DrainTimeout = Long,
            Observer = happened =>
            {
                log.Add(happened);
                if (happened.Kind == DaemonEventKind.Refused)
                {
                    Assert.True(stopping.Wait(EventLog.Patience));
                }
            },
        });
        await using TestClient late = await TestClient.StartAsync();
        await using TestClient half = await TestClient.StartAsync();
        using (FdChannel channel = FdChannel.Connect(scene.SocketPath))
        {
            channel.Send("nonsense"u8);
            await log.WaitAsync(DaemonEventKind.Refused);
        }

        await late.HandOverAsync(scene.SocketPath);
        await late.Target.CloseUserfaultfdAsync();
        await half.HandOverAsync(scene.SocketPath, half.Text[..20]);
        await half.Target.CloseUserfaultfdAsync();
        Task stop = scene.StopAsync();
        stopping.Set();
        await stop;
        await late.VerifyAsync(scene.Image);
        Assert.Equal(TouchResult.Sigbus, await half.Target.TouchAsync(0));
        Assert.Equal("error: the daemon is stopping\n", await half.ReadRefusalAsync());
    }

    [Fact]
    public async Task Stopping_twice_and_disposing_is_stopping_once()
    {
        await using Scene scene = Scene.Start();
        await scene.StopAsync();
        await scene.StopAsync();
        scene.Daemon.Dispose();
        Assert.Single(scene.Log.Events, happened => happened.Kind == DaemonEventKind.Stopped);
    }
}
