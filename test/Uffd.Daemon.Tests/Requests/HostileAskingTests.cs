using System.Text;

namespace Uffd.Daemon.Tests.Requests;

/// <summary>Who asks badly is refused alone, and holds up nobody.</summary>
public sealed class HostileAskingTests
{
    public static TheoryData<string, string> Texts => new()
    {
        { "{}", "the object is no request" },
        { "{\"request\":[]}", "the object is no request" },
        { "{nonsense}", "no valid JSON" },
        { "{]", "no valid JSON" },
        { "{\"request\":\"\ud800\"}".Replace("\ud800", "\\ud800", StringComparison.Ordinal), "no valid JSON" },
        { "{\"request\":\"status\"}garbage", "does not begin with '[' or '{' but with byte 0x67" },
        { "{\"request\":\"status\"}]", "does not begin with '[' or '{' but with byte 0x5d" },
        { "{\"request\":\"status\"}[]", "no descriptor came" },
        { string.Concat(Enumerable.Repeat("{\"a\":", 20)), "nested more than 16 deep" },
        { $"{{\"request\":\"{new string('x', 5000)}\"}}", "the request is longer than 4096 bytes" },
        { $"{{\"request\":\"status\"{new string(' ', 1 << 20)}", "the request is longer than 4096 bytes" },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public async Task Text_that_is_no_request_is_refused(string text, string because)
    {
        await using Scene scene = Scene.Start(options => options with { HandshakeTimeout = TimeSpan.FromMilliseconds(500) });
        await scene.ServesOthersAsync(async () =>
        {
            using var asker = new Asker(scene);
            try
            {
                asker.Send(text);
            }
            catch (UffdException exception) when (exception.Errno is Errno.EPIPE or Errno.EAGAIN)
            {
                // It stopped listening in the middle.
            }

            DaemonEvent refused = await scene.Log.WaitAsync(DaemonEventKind.Refused, Environment.ProcessId);
            Assert.Contains(because, refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', refused.Message);
        });
    }

    [Fact]
    public async Task Userfaultfd_of_who_asks_badly_is_kept()
    {
        await using Scene scene = Scene.Start();
        await using TestClient client = await TestClient.StartAsync();
        await client.Target.ConnectAsync(scene.SocketPath);
        await client.Target.SendBothAsync("{\"request\":1}", "uffd");
        await scene.ExpectRefusalAsync(client, "the object is no request");
        await client.Target.CloseUserfaultfdAsync();
        TargetJob touch = await client.BeginStuckTouchAsync();
        Assert.False(await touch.IsDoneAsync());
    }

    [Fact]
    public async Task Who_asks_and_never_reads_is_dropped_and_holds_up_nobody()
    {
        await using Scene scene = Scene.Start(options => options with { HandshakeTimeout = TimeSpan.FromMilliseconds(300) });
        await scene.ServesOthersAsync(async () =>
        {
            using var deaf = new Asker(scene);
            byte[] many = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(Asker.Status, 1000)));
            await Task.Run(async () =>
            {
                using var limit = new CancellationTokenSource(EventLog.Patience);
                try
                {
                    while (true)
                    {
                        if (deaf.Channel.SendAvailable(many) == 0)
                        {
                            await Task.Delay(1, limit.Token);
                        }
                    }
                }
                catch (UffdException)
                {
                    // dropped
                }
            });
            DaemonEvent refused = await scene.Log.WaitAsync(DaemonEventKind.Refused, Environment.ProcessId);
            Assert.Equal("it did not read its answer within 0.3 s", refused.Message);
        });
    }

    [Fact]
    public async Task Who_asks_and_leaves_is_forgotten()
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            for (int count = 0; count < 200; count++)
            {
                using var asker = new Asker(scene);
                if (count % 4 == 3)
                {
                    await asker.AskAsync(); // no faster than it can look: more than 64 at once are too many
                }
                else
                {
                    asker.Send(Asker.Status);
                }
            }

            using var last = new Asker(scene);
            await last.AskAsync();
        });
        Assert.Equal(0, scene.Log.Count(DaemonEventKind.Refused, Environment.ProcessId));
    }

    [Fact]
    public async Task Who_leaves_its_answer_unread_is_forgotten()
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            using (var asker = new Asker(scene))
            {
                asker.Send(Asker.Status);
                byte[] first = new byte[1];
                await Waiting.UntilAsync(() => asker.Channel.Peek(first) > 0);
            } // the kernel tells the daemon ECONNRESET here, not the end of a stream

            using var last = new Asker(scene);
            await last.AskAsync();
        });
        Assert.Equal(0, scene.Log.Count(DaemonEventKind.Refused, Environment.ProcessId));
    }
}
