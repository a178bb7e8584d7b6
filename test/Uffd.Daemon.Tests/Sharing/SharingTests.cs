namespace Uffd.Daemon.Tests.Sharing;

/// <summary>Clients that ask map the daemon's memory of the image; those that do not are served as ever.</summary>
public sealed class SharingTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Clients_share_what_they_read_and_not_what_they_write(bool background)
    {
        await using Scene scene = Share(background);
        await using TestClient first = await SharingClient.StartAsync(scene);
        await using TestClient second = await SharingClient.StartAsync(scene);
        await using TestClient copied = await scene.AttachAsync();
        Assert.Equal(7, (await first.Target.WriteAsync(0, 7)).Value);
        await second.VerifyAsync(scene.Image);
        await copied.VerifyAsync(scene.Image);
        Assert.Equal(7, (await first.Target.TouchAsync(0)).Value);
        await first.VerifyAsync(scene.Image, offset: TestImage.Page);
        await first.Target.RunAsync($"dontneed 0 {TestImage.Page}");
        await first.VerifyAsync(scene.Image);
        Assert.All([first, second, copied], client => Assert.Equal(0, scene.Log.Count(DaemonEventKind.Notice, client.ProcessId)));
    }

    [Fact]
    public async Task Image_is_not_shared_unless_the_daemon_says_so()
    {
        await using Scene scene = Scene.Start();
        using var asker = new Asker(scene);
        Assert.Contains("--share", (await asker.AskAsync(SharingClient.Request)).GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Empty(asker.Received);
        UffdException refused = await Assert.ThrowsAsync<UffdException>(() => NativeTouch.Run(() => LazyMemory.MapShared(scene.SocketPath, TestImage.Page)));
        Assert.True(refused.IsUnavailable);
        Assert.Contains("--share", refused.Message, StringComparison.Ordinal);
        await using TestClient liar = await TestClient.StartAsync();
        await liar.HandOverAsync(scene.SocketPath, SharingClient.Describe(liar.Range));
        await scene.ExpectRefusalAsync(liar, "nobody has asked for the image");
    }

    [Fact]
    public async Task Library_maps_it_and_unmaps_it()
    {
        await using Scene scene = Share();
        using (LazyMemory memory = await NativeTouch.Run(() => LazyMemory.MapShared(scene.SocketPath, 4 * TestImage.Page, offset: 2 * TestImage.Page)))
        {
            await NativeTouch.WriteByteAsync(memory.Mapping.Address + TestImage.Page, 0x77);
            byte[] expected = scene.Image.Bytes.AsSpan(2 * (int)TestImage.Page, 4 * (int)TestImage.Page).ToArray();
            expected[TestImage.Page] = 0x77;
            Assert.Equal(expected, await NativeTouch.ReadAsync(memory.Mapping.Address, expected.Length));
            Assert.False(memory.HasFailed(out _));
            await NativeTouch.Run(() =>
            {
                memory.Mapping.Advise(MemoryAdvice.DontNeed);
                return true;
            });
            expected[TestImage.Page] = scene.Image.Bytes[3 * (int)TestImage.Page];
            Assert.Equal(expected, await NativeTouch.ReadAsync(memory.Mapping.Address, expected.Length));
            await NativeTouch.Run(() =>
            {
                memory.Dispose();
                return true;
            });
        }

        UffdException beyond = await Assert.ThrowsAsync<UffdException>(() => NativeTouch.Run(() => LazyMemory.MapShared(scene.SocketPath, TestImage.Page, TestImage.Pages * TestImage.Page)));
        Assert.Contains("beyond the image", beyond.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pager_that_gives_no_answer_is_given_up()
    {
        Requires.KernelFaults();
        using var folder = new TemporaryFolder();
        using FdListener silent = FdListener.Listen(folder.File("silent"));
        UffdException exception = await Assert.ThrowsAsync<UffdException>(() => NativeTouch.Run(() => OfferedImage.Ask(folder.File("silent"), TimeSpan.FromMilliseconds(50))));
        Assert.Contains("no answer", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"image":{"size":8192,"pageSize":4096}}""", true, "not sealed")]
    [InlineData("""{"image":{"size":8192,"pageSize":4096}}""", false, "no memfd")]
    [InlineData("""{"image":{"size":8192,"pageSize":65536}}""", true, "the pager's answer was")]
    [InlineData("""{"image":7}""", true, "it answered")]
    [InlineData("[]", false, "it answered")]
    [InlineData("error: what?", false, "error: what?")]
    public async Task Answer_that_is_none_is_an_error_and_not_a_mapping(string answer, bool memfd, string expected)
    {
        using var folder = new TemporaryFolder();
        using FdListener listener = FdListener.Listen(folder.File("socket"));
        using var open = MemoryMapping.CreateMemfd("open", 8192, new MemoryMappingOptions { Sealable = true });
        Task<OfferedImage> asked = NativeTouch.Run(() => OfferedImage.Ask(folder.File("socket")));
        FdChannel? channel = null;
        while ((channel = listener.TryAccept()) is null)
        {
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        byte[] line = System.Text.Encoding.UTF8.GetBytes(answer + "\n");
        if (memfd)
        {
            channel.Send(line, open.Descriptor!);
        }
        else
        {
            channel.Send(line);
        }

        UffdException exception = await Assert.ThrowsAsync<UffdException>(() => asked);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.True(exception.IsUnavailable);
        channel.Dispose();
    }

    [Theory]
    [InlineData(TargetMemory.Anonymous)]
    [InlineData(TargetMemory.Shmem)]
    [InlineData(TargetMemory.Memfd)]
    public async Task Client_that_maps_something_else_loses_its_own_pages_only(TargetMemory memory)
    {
        await using Scene scene = Share();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient honest = await SharingClient.StartAsync(scene);
            await using TestClient liar = await TestClient.StartAsync(4, memory);
            await liar.HandOverAsync(scene.SocketPath, SharingClient.Describe(liar.Range));
            await scene.Log.WaitAsync(DaemonEventKind.Attached, liar.ProcessId);
            Assert.Equal(TouchResult.Sigbus, await liar.Target.TouchAsync(0));
            await honest.VerifyAsync(scene.Image);
            Assert.Equal(TouchResult.Sigbus, await liar.Target.TouchAsync(TestImage.Page));
        });
    }

    [Fact]
    public async Task Client_that_maps_another_place_than_it_says_gets_that_place_or_an_error_and_no_zeros()
    {
        await using Scene scene = Share();
        await using TestClient liar = await SharingClient.ConnectAsync(scene);
        await liar.Target.SendBothAsync(SharingClient.Describe(new AddressRange(liar.Range.Start, 8 * TestImage.Page), offset: 8 * TestImage.Page), "uffd");
        await scene.Log.WaitAsync(DaemonEventKind.Attached, liar.ProcessId);
        Assert.Equal(TouchResult.Sigbus, await liar.Target.TouchAsync(TestImage.Page)); // page 9 is in the memfd now, page 1 is not
        await using TestClient honest = await SharingClient.StartAsync(scene);
        await honest.VerifyAsync(scene.Image);
    }

    [Fact]
    public async Task Client_killed_in_the_middle_harms_no_other()
    {
        using var source = new GatedSource(TestImage.Usual);
        await using Scene scene = Scene.Start(options => options with { ShareImage = true }, source);
        await using TestClient killed = await SharingClient.StartAsync(scene);
        await using TestClient other = await SharingClient.StartAsync(scene);
        await killed.BeginStuckTouchAsync();
        await source.Reading;
        TargetJob waits = await other.Target.BeginAsync("touch 0");
        await other.WaitUntilStuckAsync();
        await killed.Target.CrashAsync();
        source.Open();
        Assert.Equal(scene.Image.Bytes[0], (await waits.JoinTouchesAsync())[0].Value);
        await other.VerifyAsync(scene.Image);
        await scene.Log.WaitAsync(DaemonEventKind.Gone, killed.ProcessId);
    }

    [Fact]
    public async Task Daemon_that_stops_leaves_what_it_had_and_no_zeros()
    {
        await using Scene scene = Share();
        await using TestClient client = await SharingClient.StartAsync(scene);
        await client.VerifyAsync(scene.Image, length: TestImage.Page);
        await scene.StopAsync();
        await client.VerifyAsync(scene.Image, length: TestImage.Page);
        Assert.Equal(TouchResult.Sigbus, await client.Target.TouchAsync(40 * TestImage.Page));
    }

    [Fact]
    public async Task Daemon_that_drains_leaves_all_of_it_and_is_needed_no_more()
    {
        await using Scene scene = Scene.Start(options => options with { ShareImage = true, DrainTimeout = TimeSpan.FromSeconds(10) });
        await using TestClient client = await SharingClient.StartAsync(scene); // keeps its userfaultfd
        await scene.StopAsync();
        await client.VerifyAsync(scene.Image);
        await client.Target.RunAsync($"dontneed 0 {client.Range.Length}");
        await client.VerifyAsync(scene.Image);
    }

    [Fact]
    public async Task Memory_shared_by_a_daemon_that_has_gone_can_be_handed_to_the_next_as_if_it_were_its_own()
    {
        // As after SIGKILL: the client has its mapping and its userfaultfd, and the memfd what the daemon had put there.
        await using Scene first = Share();
        await using TestClient client = await SharingClient.ConnectAsync(first, UffdFeatures.None);
        await using (TestClient other = await SharingClient.StartAsync(first))
        {
            await other.VerifyAsync(first.Image, length: 4 * TestImage.Page);
        }

        await first.StopAsync();
        await using Scene second = Scene.Start();
        await client.HandOverAsync(second.SocketPath);
        await second.Log.WaitAsync(DaemonEventKind.Attached, client.ProcessId);
        await client.VerifyAsync(second.Image); // that is mapped, the rest copied
    }

    private static Scene Share(bool background = false) => Scene.Start(options => options with { ShareImage = true, BackgroundFill = background });
}
