namespace Uffd.Daemon.Tests.Requests;

/// <summary>Connections that ask: beside clients, in between, and instead of them.</summary>
public sealed class AskingTests
{
    [Fact]
    public async Task Connection_may_ask_again_and_again()
    {
        await using Scene scene = Scene.Start();
        using var asker = new Asker(scene);
        for (int count = 0; count < 3; count++)
        {
            Assert.Equal(Environment.ProcessId, (await asker.AskAsync()).GetProperty("pid").GetInt32());
        }

        await using TestClient client = await scene.AttachAsync();
        Assert.Equal(1, (await asker.AskAsync()).GetProperty("clientCount").GetInt32());
        Assert.Equal(0, scene.Log.Count(DaemonEventKind.Refused, Environment.ProcessId));
    }

    [Fact]
    public async Task Request_comes_in_pieces_and_many_in_one()
    {
        await using Scene scene = Scene.Start();
        using var asker = new Asker(scene);
        foreach (char one in $" \n{Asker.Status}")
        {
            asker.Send(one.ToString());
            await Task.Yield();
        }

        await asker.ReadAnswerAsync();
        asker.Send(string.Concat(Enumerable.Repeat($"{Asker.Status}\r\n", 100))); // more than are answered in a turn
        for (int count = 0; count < 100; count++)
        {
            await asker.ReadAnswerAsync();
        }
    }

    [Fact]
    public async Task Unknown_request_is_an_error_line_and_the_connection_goes_on()
    {
        await using Scene scene = Scene.Start();
        using var asker = new Asker(scene);
        Assert.Contains("known are: ", (await asker.AskAsync("""{"request":"tea"}""")).GetProperty("error").GetString(), StringComparison.Ordinal);
        await asker.AskAsync();
        Assert.Equal(0, scene.Log.Count(DaemonEventKind.Refused, Environment.ProcessId));
    }

    [Fact]
    public async Task Who_asks_is_not_held_to_the_time_of_a_handshake()
    {
        await using Scene scene = Scene.Start(options => options with { HandshakeTimeout = TimeSpan.FromMilliseconds(100) });
        using var asker = new Asker(scene);
        await asker.AskAsync();
        using var silent = new Asker(scene);
        Assert.StartsWith("error: the handshake was not complete", await silent.ReadLineAsync(), StringComparison.Ordinal);
        await asker.AskAsync();
        asker.Send("{\"requ"); // but a request that has begun is
        Assert.Contains("the request is incomplete", await asker.ReadLineAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hand_over_may_follow_a_request_and_a_request_the_hand_over()
    {
        await using Scene scene = Scene.Start();
        await using TestClient client = await TestClient.StartAsync();
        await client.Target.ConnectAsync(scene.SocketPath);
        await client.Target.SendTextAsync(Asker.Status);
        Assert.Contains("clientCount", await client.Target.ReceiveAsync(), StringComparison.Ordinal);
        await client.Target.SendBothAsync(client.Text, "uffd");
        await scene.Log.WaitAsync(DaemonEventKind.Attached, client.ProcessId);
        await client.VerifyAsync(scene.Image);
        await client.Target.SendTextAsync(Asker.Status);
        Assert.Contains("\"clientCount\":1", await client.Target.ReceiveAsync(), StringComparison.Ordinal);
        await client.VerifyAsync(scene.Image);
    }

    [Fact]
    public async Task Descriptor_that_comes_with_a_request_is_the_next_hand_overs()
    {
        await using Scene scene = Scene.Start();
        await using TestClient client = await TestClient.StartAsync();
        await client.Target.ConnectAsync(scene.SocketPath);
        await client.Target.SendBothAsync(Asker.Status, "uffd");
        Assert.Contains("clientCount", await client.Target.ReceiveAsync(), StringComparison.Ordinal);
        await client.Target.SendTextAsync(client.Text);
        await client.VerifyAsync(scene.Image);
    }

    [Fact]
    public async Task Who_asks_takes_no_clients_place_and_is_heard_when_there_is_none()
    {
        await using Scene scene = Scene.Start(options => options with { MaxClients = 1 });
        using var before = new Asker(scene);
        await before.AskAsync();
        await using TestClient client = await scene.AttachAsync();
        using var after = new Asker(scene);
        Assert.Equal(1, (await after.AskAsync()).GetProperty("clientCount").GetInt32());
        using var noClient = new Asker(scene);
        noClient.Send("[");
        Assert.Equal("error: there are 1 clients already (--max-clients)", await noClient.ReadLineAsync());
        Assert.Null(await EndAsync(noClient));
    }

    [Fact]
    public async Task There_are_only_so_many_who_ask()
    {
        await using Scene scene = Scene.Start(options => options with { MaxClients = 2 });
        var askers = new List<Asker>();
        try
        {
            for (int count = 0; count < 64; count++)
            {
                askers.Add(new Asker(scene));
                await askers[^1].AskAsync();
            }

            using var beyond = new Asker(scene);
            beyond.Send(Asker.Status);
            Assert.Equal("error: there are 64 connections already that only ask", await beyond.ReadLineAsync());
            await using TestClient client = await scene.AttachAsync(); // nobody's place is taken
            await client.VerifyAsync(scene.Image);
            askers[0].Dispose();
            using var again = new Asker(scene);
            await again.AskAsync();
        }
        finally
        {
            askers.ForEach(asker => asker.Dispose());
        }
    }

    [Fact]
    public async Task Who_asks_is_told_the_end_when_the_daemon_stops()
    {
        await using Scene scene = Scene.Start();
        using var asker = new Asker(scene);
        await asker.AskAsync();
        await scene.StopAsync();
        Assert.Null(await EndAsync(asker));
        Assert.Equal(0, scene.Log.Count(DaemonEventKind.Refused, Environment.ProcessId));
    }

    private static async Task<string?> EndAsync(Asker asker)
    {
        try
        {
            return await asker.ReadLineAsync();
        }
        catch (UffdException exception) when (exception.Errno == Errno.ECONNRESET)
        {
            return null; // what it had sent was not read
        }
    }
}
