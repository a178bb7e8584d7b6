namespace Uffd.Daemon.Tests.Clients;

/// <summary>Clients that die, stop, or do not read, at every step of their life.</summary>
public sealed class DeathTests
{
    [Theory]
    [InlineData("connected", "nothing came")]
    [InlineData("half a text", "the text is incomplete")]
    [InlineData("text only", "no descriptor came with the text")]
    [InlineData("descriptor only", "a descriptor came but no text")]
    [InlineData("half a text and the descriptor", "the text is incomplete")]
    public async Task Client_that_dies_in_the_middle_of_the_handshake_is_dropped(string when, string because)
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            await client.Target.ConnectAsync(scene.SocketPath);
            await (when switch
            {
                "half a text" => client.Target.SendTextAsync(client.Text[..20]),
                "text only" => client.Target.SendTextAsync(client.Text),
                "descriptor only" => client.Target.SendDescriptorsAsync("uffd"),
                "half a text and the descriptor" => client.Target.SendBothAsync(client.Text[..20], "uffd"),
                _ => Task.CompletedTask,
            });
            await client.Target.CrashAsync();
            await scene.ExpectRefusalAsync(client, because, reads: false);
        });
    }

    [Fact]
    public async Task Client_that_dies_right_after_its_handshake_is_gone_or_refused()
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            await client.HandOverAsync(scene.SocketPath);
            await client.Target.CrashAsync();
            await scene.Log.WaitAsync(
                happened => happened.ProcessId == client.ProcessId && happened.Kind is DaemonEventKind.Gone or DaemonEventKind.Refused,
                "the client's end");
        });
        await Waiting.UntilAsync(() => scene.Daemon.Clients.Count == 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Client_that_dies_in_the_middle_of_a_fault_is_dropped(int threads)
    {
        using var source = new GatedSource(TestImage.Usual);
        await using Scene scene = Scene.Start(source: source);
        await using TestClient client = await scene.AttachAsync();
        await client.Target.BeginTouchAsync(threads, 0, 4096);
        await source.Reading; // its page is being read
        await client.Target.CrashAsync();
        source.Open();
        DaemonEvent gone = await scene.Log.WaitAsync(DaemonEventKind.Gone, client.ProcessId);
        Assert.Equal("exited", gone.Message);
        await using TestClient after = await scene.AttachAsync();
        await after.VerifyAsync(scene.Image);
    }

    [Theory]
    [InlineData("[}")] // refused by its text
    [InlineData("[{\"base_host_virt_addr\":0,\"size\":4096,\"offset\":1099511627776}]")] // refused by its regions
    public async Task Refused_client_that_dies_is_forgotten_and_the_daemon_rests(string text)
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            int before = CountDescriptors();
            await client.HandOverAsync(scene.SocketPath, text);
            await scene.Log.WaitAsync(DaemonEventKind.Refused, client.ProcessId);
            await Waiting.UntilAsync(() => CountDescriptors() > before); // its userfaultfd, its socket and its process are kept
            await client.Target.CrashAsync();
            await Waiting.UntilAsync(() => CountUserfaultfds() <= 1); // only the client's before
            TimeSpan busy = BusyTime();
            await Task.Delay(200);
            Assert.InRange(BusyTime() - busy, TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
        });
    }

    [Fact]
    public async Task Client_that_stops_reading_holds_up_nobody()
    {
        await using Scene scene = Scene.Start(options => options with { HandshakeTimeout = TimeSpan.FromMilliseconds(200) });
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            await client.Target.ConnectAsync(scene.SocketPath);
            await client.Target.SendTextAsync(client.Text[..20]);
            Assert.Equal(0, Signals.Send(client.ProcessId, Signals.Stop));
            await scene.ExpectRefusalAsync(client, "the text is incomplete", reads: false);
            Assert.Equal(0, Signals.Send(client.ProcessId, Signals.Continue));
            Assert.Contains("the text is incomplete", await client.ReadRefusalAsync(), StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Stopped_client_with_a_waiting_fault_holds_up_nobody()
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await scene.AttachAsync();
            Assert.Equal(0, Signals.Send(client.ProcessId, Signals.Stop));
            await using (TestClient other = await scene.AttachAsync())
            {
                await other.VerifyAsync(scene.Image);
            }

            Assert.Equal(0, Signals.Send(client.ProcessId, Signals.Continue));
            await client.VerifyAsync(scene.Image);
        });
    }

    [Fact]
    public async Task Slow_client_does_not_hold_up_the_source_of_another()
    {
        using var source = new GatedSource(TestImage.Usual);
        await using Scene scene = Scene.Start(source: source);
        await using TestClient stuck = await scene.AttachAsync();
        TargetJob touch = await stuck.BeginStuckTouchAsync();
        await source.Reading;
        await using TestClient other = await scene.AttachAsync(); // its handshake goes through all the same
        source.Open();
        await other.VerifyAsync(scene.Image);
        Assert.Equal(scene.Image.Bytes[0], Assert.Single(await touch.JoinTouchesAsync()).Value);
    }

    [Fact]
    public async Task Client_is_refused_beyond_the_most_and_taken_when_there_is_room()
    {
        await using Scene scene = Scene.Start(options => options with { MaxClients = 2 });
        await using TestClient first = await scene.AttachAsync();
        TestClient second = await scene.AttachAsync();
        await using TestClient third = await TestClient.StartAsync();
        await third.HandOverAsync(scene.SocketPath);
        DaemonEvent refused = await scene.Log.WaitAsync(DaemonEventKind.Refused, third.ProcessId);
        Assert.Equal("there are 2 clients already (--max-clients)", refused.Message);
        Assert.Equal($"error: {refused.Message}\n", await third.ReadRefusalAsync());
        await second.DisposeAsync();
        await scene.Log.WaitAsync(DaemonEventKind.Gone, second.ProcessId);
        await third.HandOverAsync(scene.SocketPath); // it had kept its descriptor
        await third.VerifyAsync(scene.Image);
        await first.VerifyAsync(scene.Image);
    }

    [Fact]
    public async Task Address_spaces_of_one_connection_count_as_clients()
    {
        await using Scene scene = Scene.Start(options => options with { MaxClients = 2 });
        await using TestClient client = await scene.AttachAsync();
        for (int count = 0; count < 2; count++)
        {
            AddressRange range = await client.Target.MapAsync(4096);
            await client.Target.CreateUserfaultfdAsync();
            await client.Target.RegisterAsync(UffdRegisterModes.Missing);
            await client.Target.SendBothAsync(TestClient.Describe(range), "uffd");
        }

        DaemonEvent refused = await scene.Log.WaitAsync(DaemonEventKind.Refused, client.ProcessId);
        Assert.Contains("there are 2 clients already", refused.Message, StringComparison.Ordinal);
        await client.Target.SelectAsync(0);
        await client.VerifyAsync(scene.Image);
    }

    private static int CountDescriptors() => Directory.GetFiles("/proc/self/fd").Length;

    private static int CountUserfaultfds()
        => Directory.GetFiles("/proc/self/fd").Count(path => new FileInfo(path).LinkTarget?.Contains("userfaultfd", StringComparison.Ordinal) == true);

    /// <summary>CPU time of this process's threads that take in connections.</summary>
    private static TimeSpan BusyTime()
        => Directory.GetDirectories("/proc/self/task")
            .Where(task => File.ReadAllText($"{task}/comm").StartsWith("uffd-connection", StringComparison.Ordinal))
            .Select(task => File.ReadAllText($"{task}/schedstat").Split(' ')[0])
            .Aggregate(TimeSpan.Zero, (sum, nanoseconds) => sum + TimeSpan.FromMicroseconds(long.Parse(nanoseconds, System.Globalization.CultureInfo.InvariantCulture) / 1000));
}
