namespace Uffd.Daemon.Tests.Refusals;

/// <summary>Handshakes that are well-formed and untrue: their client alone suffers, and reads no zeros.</summary>
public sealed class LyingTests
{
    [Theory]
    [InlineData(0xffff_8000_0000_0000)] // the kernel's
    [InlineData(0x7fff_ffff_f000)] // the last page a process can have
    [InlineData(0)]
    [InlineData(0x1_0000_0000)] // nothing there
    public async Task Region_where_nothing_is_registered_harms_nobody(ulong address)
    {
        await using Scene scene = Scene.Start(options => options with { BackgroundFill = true });
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync(4);
            await client.HandOverAsync(scene.SocketPath, TestClient.Describe(address, 4096));
            await scene.Log.WaitAsync(
                happened => happened.ProcessId == client.ProcessId && happened.Kind is DaemonEventKind.Resident or DaemonEventKind.Gone or DaemonEventKind.Refused or DaemonEventKind.Notice,
                "what became of it");
            Assert.Equal(client.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture), await client.Target.RunAsync("pid")); // not killed
        });
    }

    [Fact]
    public async Task Memory_registered_but_not_told_of_is_SIGBUS()
    {
        await using Scene scene = Scene.Start();
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync(4);
            await client.HandOverAsync(scene.SocketPath, TestClient.Describe(client.Range.Start, 4096));
            await client.VerifyAsync(scene.Image, length: 4096);
            Assert.Equal(TouchResult.Sigbus, await client.Target.TouchAsync(8192));
        });
    }

    [Fact]
    public async Task Memory_registered_but_not_told_of_is_no_zeros_when_the_daemon_stops()
    {
        await using Scene scene = Scene.Start();
        await using TestClient client = await TestClient.StartAsync(4);
        await client.HandOverAsync(scene.SocketPath, TestClient.Describe(client.Range.Start, 4096));
        await client.VerifyAsync(scene.Image, length: 4096);
        await client.Target.CloseUserfaultfdAsync();
        await scene.StopAsync();
        Assert.Equal(TouchResult.Sigbus, await client.Target.TouchAsync(8192));
    }

    [Fact]
    public async Task Small_pages_said_of_huge_ones_are_no_zeros()
    {
        using IDisposable pages = Requires.HugePages(1);
        var image = new TestImage(4 << 20);
        await using Scene scene = Scene.Start(image: image);
        await scene.ServesOthersAsync(async () =>
        {
            await using TestClient client = await TestClient.StartAsync(1, TargetMemory.Hugetlb);
            await client.HandOverAsync(scene.SocketPath, TestClient.Describe(client.Range));
            await scene.Log.WaitAsync(DaemonEventKind.Attached, client.ProcessId);
            TargetJob touch = await client.Target.BeginAsync("touch 0");
            await scene.Log.WaitAsync(
                happened => happened.ProcessId == client.ProcessId && happened.Kind is DaemonEventKind.Notice or DaemonEventKind.Gone, "what became of it");
            await client.Target.CrashAsync();
            Assert.NotNull(touch);
        });
    }

    [Fact]
    public async Task Huge_pages_said_of_small_ones_are_right()
    {
        var image = new TestImage(4 << 20);
        await using Scene scene = Scene.Start(image: image);
        await using TestClient client = await TestClient.StartAsync(1536);
        ulong aligned = (client.Range.Start + (2 << 20) - 1) & ~((2UL << 20) - 1);
        await client.HandOverAsync(scene.SocketPath, TestClient.Describe(aligned, 2 << 20, 0, 2 << 20));
        Assert.Equal(image.Hash(0, 2 << 20), await client.Target.HashAsync(aligned - client.Range.Start, 2 << 20));
    }
}
