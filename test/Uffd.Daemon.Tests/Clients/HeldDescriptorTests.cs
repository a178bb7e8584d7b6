using Uffd.Paging;

namespace Uffd.Daemon.Tests.Clients;

/// <summary>What a refused client sent is kept: its memory waits, and ends as an error when the daemon does, never as zeros.</summary>
public sealed class HeldDescriptorTests
{
    private const string Wrong = "[{\"base_host_virt_addr\":0,\"size\":4096,\"offset\":1099511627776}]";

    [Theory]
    [InlineData("regions")]
    [InlineData("text")]
    [InlineData("behind")] // the descriptor comes behind the text that is refused
    [InlineData("incomplete")]
    public async Task Refused_client_waits_and_gets_SIGBUS_when_the_daemon_stops(string how)
    {
        await using Scene scene = Scene.Start(options => options with { HandshakeTimeout = TimeSpan.FromMilliseconds(200) });
        await using TestClient client = await TestClient.StartAsync();
        await client.Target.ConnectAsync(scene.SocketPath);
        switch (how)
        {
            case "regions":
                await client.Target.SendBothAsync(Wrong, "uffd");
                break;
            case "text":
                await client.Target.SendBothAsync("[}", "uffd");
                break;
            case "behind":
                Assert.Equal(0, Signals.Send(client.ProcessId, Signals.Continue));
                await client.Target.SendTextAsync("[ ");
                await client.Target.SendBothAsync("}", "uffd");
                break;
            default:
                await client.Target.SendDescriptorsAsync("uffd");
                break;
        }

        await client.Target.CloseUserfaultfdAsync();
        await scene.Log.WaitAsync(DaemonEventKind.Refused, client.ProcessId);
        TargetJob touch = await client.BeginStuckTouchAsync();
        Assert.False(await touch.IsDoneAsync());
        await scene.StopAsync();
        Assert.Equal(TouchResult.Sigbus, Assert.Single(await touch.JoinTouchesAsync()));
        Assert.Equal(TouchResult.Sigbus, await client.Target.TouchAsync(4096));
    }

    [Fact]
    public async Task Refused_client_with_its_own_copy_waits_also_when_the_daemon_is_gone()
    {
        await using Scene scene = Scene.Start(options => options with { MaxClients = 1 });
        await using TestClient first = await scene.AttachAsync();
        await using TestClient client = await TestClient.StartAsync();
        await client.Target.TryAsync($"send {scene.SocketPath} {client.Text}"); // may find the connection closed already
        await scene.Log.WaitAsync(DaemonEventKind.Refused, client.ProcessId);
        TargetJob touch = await client.BeginStuckTouchAsync();
        await scene.StopAsync();
        Assert.False(await touch.IsDoneAsync());
    }

    [Fact]
    public async Task Refused_hugetlb_client_gets_SIGBUS_on_every_missing_page()
    {
        using IDisposable pages = Requires.HugePages(3);
        await using Scene scene = Scene.Start();
        await using TestClient client = await TestClient.StartAsync(3, TargetMemory.Hugetlb);
        using (Userfaultfd copy = await client.Target.HandOverAsync())
        {
            using MemoryMapping content = MemoryMapping.CreateAnonymous(2 << 20);
            content.AsSpan()[0] = 7;
            UffdResult copied = copy.Copy(new AddressRange(client.Range.Start + (2 << 20), 2 << 20), content.Address); // the page in the middle is there
            Assert.True(copied.IsComplete);
            await client.HandOverAsync(scene.SocketPath, Wrong);
            await scene.Log.WaitAsync(DaemonEventKind.Refused, client.ProcessId);
            await client.Target.CloseUserfaultfdAsync();
        }

        await scene.StopAsync();
        Assert.Equal(TouchResult.Sigbus, await client.Target.TouchAsync(0));
        Assert.Equal(7, (await client.Target.TouchAsync(2 << 20)).Value);
        Assert.Equal(TouchResult.Sigbus, await client.Target.TouchAsync(4 << 20));
    }

    [Fact]
    public async Task Refused_client_is_killed_at_the_end_where_the_policy_says_so()
    {
        await using Scene scene = Scene.Start(options => options with { FailurePolicy = FaultFailurePolicy.Terminate });
        await using TestClient client = await TestClient.StartAsync();
        await client.HandOverAsync(scene.SocketPath, Wrong);
        await scene.Log.WaitAsync(DaemonEventKind.Refused, client.ProcessId);
        await scene.StopAsync();
        await Assert.ThrowsAnyAsync<TargetException>(() => client.Target.RunAsync("pid"));
        Assert.Contains(scene.Log.Events, happened => happened.Kind == DaemonEventKind.Notice && happened.Message.Contains("was killed", StringComparison.Ordinal));
    }
}
