namespace Uffd.Daemon.Tests.Handshake;

/// <summary>In how many ways one and the same message can arrive.</summary>
public sealed class DeliveryTests
{
    private static readonly ulong Page = TestImage.Page;

    public static TheoryData<string> Ways => ["together", "descriptor first", "text first", "first byte", "single bytes", "memfd first", "memfd last"];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Message_arrives_in_any_pieces(string way)
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync(4, memory: way.StartsWith("memfd", StringComparison.Ordinal) ? TargetMemory.Memfd : TargetMemory.Anonymous);
            NativeTarget target = client.Target;
            string text = client.Text;
            await target.ConnectAsync(scene.SocketPath);
            switch (way)
            {
                case "together":
                    await target.SendBothAsync(text, "uffd");
                    break;
                case "descriptor first":
                    await target.SendDescriptorsAsync("uffd");
                    await target.SendTextAsync(text);
                    break;
                case "text first":
                    await target.SendTextAsync(text);
                    await target.SendDescriptorsAsync("uffd");
                    break;
                case "first byte":
                    await target.SendBothAsync(text[..1], "uffd");
                    await target.SendTextAsync(text[1..]);
                    break;
                case "single bytes":
                    await target.SendBothAsync(text[..1], "uffd");
                    foreach (char letter in text[1..])
                    {
                        await target.SendTextAsync(letter.ToString());
                    }

                    break;
                case "memfd first":
                    await target.SendBothAsync(text, "memfd", "uffd");
                    break;
                default:
                    await target.SendBothAsync(text, "uffd", "memfd", "null");
                    break;
            }

            await scene.Log.WaitAsync(DaemonEventKind.Attached, client.ProcessId);
            await client.VerifyAsync(scene.Image);
        });
    }

    [Theory]
    [InlineData(12)] // more than 1 KiB, which Firecracker's own example has room for
    [InlineData(2000)] // more than 64 KiB
    public async Task Text_of_many_regions_is_read_whole(int regions)
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync((ulong)regions);
            string text = $"[{string.Join(',', Enumerable.Range(0, regions).Select(index => TestClient.Describe(
                client.Range.Start + ((ulong)index * Page), Page, OffsetOf(index))[1..^1]))}]";
            await client.Target.ConnectAsync(scene.SocketPath);
            await client.Target.SendBothAsync(text[..100], "uffd");
            foreach (char[] piece in text[100..].Chunk(8000))
            {
                await client.Target.SendTextAsync(new string(piece));
            }

            DaemonEvent attached = await scene.Log.WaitAsync(DaemonEventKind.Attached, client.ProcessId);
            Assert.Contains($"{regions} regions", attached.Message, StringComparison.Ordinal);
            foreach (int index in (int[])[0, regions / 2, regions - 1])
            {
                Assert.Equal(scene.Image.Hash(OffsetOf(index), Page), await client.Target.HashAsync((ulong)index * Page, Page));
            }
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Second_message_on_a_connection_is_another_address_space(bool sameRead)
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync(4);
            NativeTarget target = client.Target;
            await target.ConnectAsync(scene.SocketPath);
            if (sameRead)
            {
                // The beginning of the second text comes with the end of the first.
                await target.SendBothAsync(client.Text[..5], "uffd");
                await target.CloseUserfaultfdAsync();
            }
            else
            {
                await target.SendBothAsync(client.Text, "uffd");
            }

            AddressRange second = await target.MapAsync(4 * Page);
            await target.CreateUserfaultfdAsync();
            await target.RegisterAsync(UffdRegisterModes.Missing);
            string text = TestClient.Describe(second, offset: 8 * Page);
            if (sameRead)
            {
                await target.SendTextAsync($"{client.Text[5..]} \n {text[..7]}");
                await target.SendBothAsync(text[7..], "uffd");
            }
            else
            {
                await target.SendBothAsync(text, "uffd");
            }

            Assert.Equal(scene.Image.Hash(8 * Page, 4 * Page), await target.HashAsync(0, 4 * Page));
            await target.SelectAsync(0);
            await client.VerifyAsync(scene.Image);
            await scene.Log.WaitAsync(
                happened => happened.Kind == DaemonEventKind.Attached && scene.Log.Count(DaemonEventKind.Attached, client.ProcessId) == 2,
                "both to be told of"); // they are served before that
        });
    }

    [Fact]
    public async Task Client_that_closes_its_socket_at_once_is_served()
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            await client.HandOverAsync(scene.SocketPath);
            await client.Target.CloseSocketAsync();
            await client.VerifyAsync(scene.Image);
            await client.Target.CrashAsync();
            await scene.Log.WaitAsync(DaemonEventKind.Gone, client.ProcessId);
            Assert.Equal(0, scene.Log.Count(DaemonEventKind.Refused, client.ProcessId));
        });
    }

    [Fact]
    public async Task Client_that_keeps_no_copy_of_its_descriptor_is_served()
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync();
            await client.HandOverAsync(scene.SocketPath);
            await client.Target.CloseSocketAsync();
            await client.Target.CloseUserfaultfdAsync();
            await client.VerifyAsync(scene.Image);
        });
    }

    [Fact]
    public async Task Blocking_userfaultfd_is_made_non_blocking()
    {
        await using Scene scene = Scene.Start();
        using MemoryMapping memory = MemoryMapping.CreateAnonymous(4 * Page);
        using var userfaultfd = Userfaultfd.Create(new UserfaultfdOptions { NonBlocking = false });
        userfaultfd.Register(memory.Range, UffdRegisterModes.Missing);
        using var client = UffdClient.HandOver(scene.SocketPath, userfaultfd, new HandedRegion(memory.Range));
        byte[] read = await NativeTouch.ReadAsync(memory.Address, (int)memory.Length);
        Assert.True(read.AsSpan().SequenceEqual(scene.Image.Bytes.AsSpan(0, read.Length)));
        Assert.False(client.HasFailed(out _));
        userfaultfd.Unregister(memory.Range);
    }

    [Fact]
    public async Task Hugetlb_client_gets_pages_of_2_MiB()
    {
        using IDisposable pages = Requires.HugePages(2);
        var image = new TestImage((4 << 20) - 5000);
        await using Scene scene = Scene.Start(image: image);
        await using TestClient client = await TestClient.StartAsync(2, TargetMemory.Hugetlb);
        await client.HandOverAsync(scene.SocketPath, TestClient.Describe(client.Range, pageSize: 2 << 20));
        await client.VerifyAsync(image);
        await client.Target.CrashAsync();
        DaemonEvent gone = await scene.Log.WaitAsync(DaemonEventKind.Gone, client.ProcessId);
        Assert.Equal(2, gone.Statistics!.DemandPages);
    }

    [Fact]
    public async Task Eight_clients_at_once_are_served()
    {
        await using Scene scene = Scene.Start(options => options with { BackgroundFill = true });
        TestClient[] clients = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => TestClient.StartAsync(TestImage.Pages)));
        try
        {
            using var barrier = new Barrier(clients.Length);
            await Task.WhenAll(clients.Select(client => Task.Run(async () =>
            {
                Assert.True(barrier.SignalAndWait(EventLog.Patience));
                await client.HandOverAsync(scene.SocketPath);
                await client.VerifyAsync(scene.Image);
            })));
            Assert.Equal(8, scene.Daemon.Clients.Count);
        }
        finally
        {
            await Task.WhenAll(clients.Select(client => client.DisposeAsync().AsTask()));
        }
    }

    [Fact]
    public async Task White_space_around_the_text_means_nothing()
    {
        await using Scene scene = Scene.Start();
        await using TestClient client = await TestClient.StartAsync();
        await client.Target.ConnectAsync(scene.SocketPath);
        await client.Target.SendTextAsync("\n \t");
        await client.Target.SendBothAsync($"\r\n{client.Text}\n\n", "uffd");
        await client.VerifyAsync(scene.Image);
    }

    private static ulong OffsetOf(int index) => (ulong)(index % TestImage.Pages) * Page;
}
