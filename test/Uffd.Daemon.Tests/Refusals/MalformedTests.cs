namespace Uffd.Daemon.Tests.Refusals;

/// <summary>Text and descriptors that are wrong: one line, that client alone, and its memory never turns into zeros.</summary>
public sealed class MalformedTests
{
    public static TheoryData<string, string> Texts => new()
    {
        { "hello", "does not begin with '[' or '{'" },
        { "{\"base_host_virt_addr\":1}", "the object is no request" },
        { "\0", "does not begin with '[' or '{'" },
        { "[}", "no valid JSON" },
        { "[nonsense]", "no valid JSON" },
        { "[]", "there are no regions" },
        { "[null]", "region 0 is not an object" },
        { "[{\"size\":4096,\"offset\":0}]", "region 0 has no valid base_host_virt_addr" },
        { "[{\"\\ud800\":0}]", "no valid JSON" },
        { new string('[', 100), "nested more than 16 deep" },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public async Task Malformed_text_is_refused(string text, string because)
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            await client.Target.ConnectAsync(scene.SocketPath);
            await client.Target.SendBothAsync(text, "uffd");
            await scene.ExpectRefusalAsync(client, because);
            await ExpectFreezeAsync(scene, client);
        });
    }

    [Theory]
    [InlineData("uffd")] // with the descriptor
    [InlineData("null")]
    [InlineData(null)]
    public async Task Truncated_text_is_refused_when_the_client_closes(string? descriptor)
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            await client.Target.ConnectAsync(scene.SocketPath);
            await (descriptor is null ? client.Target.SendTextAsync(client.Text[..^5]) : client.Target.SendBothAsync(client.Text[..^5], descriptor));
            await client.Target.RunAsync("shutdown");
            await scene.ExpectRefusalAsync(client, "closed in the middle of the handshake: the text is incomplete");
        });
    }

    [Theory]
    [InlineData("half", "the text is incomplete and no descriptor came")]
    [InlineData("text", "no descriptor came with the text")]
    [InlineData("descriptor", "a descriptor came but no text")]
    [InlineData("nothing", "nothing came")]
    [InlineData("space", "nothing came")]
    public async Task Slow_client_is_refused_with_what_is_missing(string what, string because)
    {
        await using Scene scene = Scene.Start(options => options with { HandshakeTimeout = TimeSpan.FromMilliseconds(100) });
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            await client.Target.ConnectAsync(scene.SocketPath);
            await (what switch
            {
                "half" => client.Target.SendTextAsync(client.Text[..10]),
                "text" => client.Target.SendTextAsync(client.Text),
                "descriptor" => client.Target.SendDescriptorsAsync("uffd"),
                "space" => client.Target.SendTextAsync("  "),
                _ => Task.CompletedTask,
            });
            await scene.ExpectRefusalAsync(client, because);
            Assert.Contains("after 0.1 s", scene.Log.Events.Single(happened => happened.Kind == DaemonEventKind.Refused).Message, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Text_that_comes_for_ever_is_refused_at_its_limit()
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            await client.Target.ConnectAsync(scene.SocketPath);
            using FdChannel channel = FdChannel.Connect(scene.SocketPath);
            byte[] piece = new byte[1 << 20];
            piece.AsSpan().Fill((byte)' ');
            await Task.Run(() =>
            {
                channel.Send("["u8);
                Assert.Throws<UffdException>(() =>
                {
                    for (int turn = 0; turn < 20; turn++)
                    {
                        channel.Send(piece); // ends with EPIPE
                    }
                });
            }).WaitAsync(EventLog.Patience);
            DaemonEvent refused = await scene.Log.WaitAsync(DaemonEventKind.Refused, Environment.ProcessId);
            Assert.Contains("longer than 8388608 bytes", refused.Message, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData("null", "no userfaultfd but /dev/null")]
    [InlineData("memfd", "no userfaultfd but")]
    [InlineData("null memfd", "no userfaultfd but /dev/null")]
    public async Task Descriptor_that_is_no_userfaultfd_is_refused(string what, string because)
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync(memory: TargetMemory.Memfd);
            await client.Target.ConnectAsync(scene.SocketPath);
            await client.Target.SendBothAsync(client.Text, what.Split(' '));
            await scene.ExpectRefusalAsync(client, because);
        });
    }

    [Fact]
    public async Task Userfaultfd_without_its_handshake_is_refused()
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            await client.Target.CreateUserfaultfdWithoutHandshakeAsync();
            await client.HandOverAsync(scene.SocketPath);
            await scene.ExpectRefusalAsync(client, "the handshake (UFFDIO_API) was not done");
        });
    }

    [Fact]
    public async Task Two_userfaultfds_in_one_message_are_refused_and_kept()
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            await client.Target.ConnectAsync(scene.SocketPath);
            await client.Target.SendBothAsync(client.Text, "uffd", "uffd");
            await scene.ExpectRefusalAsync(client, "more than one userfaultfd");
            await ExpectFreezeAsync(scene, client);
        });
    }

    [Theory]
    [InlineData(17)]
    [InlineData(40)] // more than the daemon receives: the kernel drops the rest
    public async Task Too_many_descriptors_are_refused_and_none_leaks(int count)
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            await client.Target.ConnectAsync(scene.SocketPath);
            await client.Target.SendBothAsync(client.Text, Enumerable.Repeat("null", count - 1).Prepend("uffd"));
            await scene.ExpectRefusalAsync(client, "descriptors");
            await ExpectFreezeAsync(scene, client);
        });
    }

    public static TheoryData<string, string> Regions => new()
    {
        { "overlap", "overlap" },
        { "same", "overlap" },
        { "wraps", "wraps around" },
        { "offset wraps", "wraps around" },
        { "unaligned address", "is not whole pages" },
        { "unaligned size", "is not whole pages" },
        { "unaligned offset", "is not a multiple of" },
        { "empty", "is not whole pages" },
        { "beyond", "lies beyond the image" },
        { "offset beyond", "lies beyond the image" },
        { "page size odd", "the page size 5000 is not one of this system" },
        { "page size huge", "is not one of this system" },
        { "page size small", "is not one of this system" },
        { "unaligned to its page size", "is not whole pages" },
    };

    [Theory]
    [MemberData(nameof(Regions))]
    public async Task Region_that_cannot_be_is_refused(string what, string because)
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            ulong start = client.Range.Start;
            ulong length = client.Range.Length;
            string good = TestClient.Describe(start, length);
            string text = what switch
            {
                "overlap" => $"{good[..^1]},{TestClient.Describe(start + length - 4096, 8192)[1..]}",
                "same" => $"{good[..^1]},{good[1..]}",
                "wraps" => TestClient.Describe(ulong.MaxValue - 4095, 8192),
                "offset wraps" => TestClient.Describe(start, 8192, ulong.MaxValue - 4095),
                "unaligned address" => TestClient.Describe(start + 1, length),
                "unaligned size" => TestClient.Describe(start, length - 1),
                "unaligned offset" => TestClient.Describe(start, length, 100),
                "empty" => TestClient.Describe(start, 0),
                "beyond" => TestClient.Describe(start, (ulong)scene.Image.Bytes.Length + 4096),
                "offset beyond" => TestClient.Describe(start, length, (ulong)scene.Image.Bytes.Length),
                "page size odd" => TestClient.Describe(start, length, 0, 5000),
                "page size huge" => TestClient.Describe(start, length, 0, 1UL << 63),
                "page size small" => TestClient.Describe(start, length, 0, 512),
                _ => TestClient.Describe(start, length, 0, 2 << 20),
            };
            await client.HandOverAsync(scene.SocketPath, text);
            await scene.ExpectRefusalAsync(client, because);
            await ExpectFreezeAsync(scene, client);
        });
    }

    /// <summary>Its own copy closed, only the daemon's is left: a touch waits, and ends as an error with the daemon.</summary>
    private static async Task ExpectFreezeAsync(Scene scene, TestClient client)
    {
        await client.Target.CloseUserfaultfdAsync();
        TargetJob touch = await client.BeginStuckTouchAsync();
        Assert.False(await touch.IsDoneAsync());
        Assert.True(scene.Daemon.Clients.Count <= 1); // the client before; this one is not served
    }
}
