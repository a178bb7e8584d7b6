namespace Uffd.Daemon.Tests.Client;

/// <summary>Memory of this process that a daemon serves. Touched by system calls only: the daemon is in this process too.</summary>
public sealed class LazyMemoryTests
{
    [Fact]
    public async Task Content_comes_when_it_is_touched()
    {
        await using Scene scene = Scene.Start();
        using var memory = LazyMemory.Map(scene.SocketPath, (ulong)scene.Image.Bytes.Length - 100);
        byte[] read = await NativeTouch.ReadAsync(memory.Mapping.Address, scene.Image.Bytes.Length);
        Assert.True(read.AsSpan().SequenceEqual(scene.Image.Bytes));
        Assert.False(memory.HasFailed(out string? failure));
        Assert.Null(failure);
    }

    [Fact]
    public async Task Part_of_the_image_is_mapped()
    {
        await using Scene scene = Scene.Start();
        using var memory = LazyMemory.Map(scene.SocketPath, 2 * TestImage.Page, offset: 5 * TestImage.Page);
        byte[] read = await NativeTouch.ReadAsync(memory.Mapping.Address, 2 * (int)TestImage.Page);
        Assert.True(read.AsSpan().SequenceEqual(scene.Image.Bytes.AsSpan(5 * (int)TestImage.Page, read.Length)));
    }

    [Fact]
    public async Task Discarded_memory_is_zeros_and_not_the_image_again()
    {
        await using Scene scene = Scene.Start();
        using var memory = LazyMemory.Map(scene.SocketPath, 4 * TestImage.Page);
        Assert.Equal(scene.Image.Bytes[0], await NativeTouch.ReadByteAsync(memory.Mapping.Address));
        await NativeTouch.Run(() =>
        {
            memory.Mapping.Advise(MemoryAdvice.DontNeed, new AddressRange(memory.Mapping.Address, TestImage.Page)); // waits until the daemon has read of it
            return true;
        });
        Assert.Equal(0, await NativeTouch.ReadByteAsync(memory.Mapping.Address));
        Assert.Equal(scene.Image.Bytes[(int)TestImage.Page], await NativeTouch.ReadByteAsync(memory.Mapping.Address + TestImage.Page));
    }

    [Fact]
    public async Task Refusal_is_told_in_the_daemons_words()
    {
        await using Scene scene = Scene.Start();
        using var memory = LazyMemory.Map(scene.SocketPath, (ulong)scene.Image.Bytes.Length + TestImage.Page);
        DaemonEvent refused = await scene.Log.WaitAsync(DaemonEventKind.Refused, Environment.ProcessId);
        Assert.Equal($"the pager refused: error: {refused.Message}", await FailureAsync(memory));
        Assert.True(memory.HasFailed(out string? again));
        Assert.Contains("lies beyond the image", again, StringComparison.Ordinal);
    }

    [Fact]
    public async Task End_of_the_daemon_is_told_and_unmapping_does_not_hang()
    {
        await using Scene scene = Scene.Start();
        LazyMemory memory = LazyMemory.Map(scene.SocketPath, 4 * TestImage.Page);
        await scene.Log.WaitAsync(DaemonEventKind.Attached);
        Assert.Equal(scene.Image.Bytes[0], await NativeTouch.ReadByteAsync(memory.Mapping.Address));
        await scene.StopAsync();
        Assert.Equal("the pager has gone", await FailureAsync(memory));
        await DisposeAsync(memory);
    }

    [Fact]
    public async Task Unmapping_does_not_hang_with_a_daemon_alive()
    {
        await using Scene scene = Scene.Start(options => options with { BackgroundFill = true });
        for (int turn = 0; turn < 20; turn++)
        {
            LazyMemory memory = LazyMemory.Map(scene.SocketPath, TestImage.Pages * TestImage.Page);
            await DisposeAsync(memory);
        }
    }

    [Fact]
    public async Task Unmapping_wakes_who_waits_for_a_page()
    {
        using var source = new GatedSource(TestImage.Usual);
        await using Scene scene = Scene.Start(source: source);
        LazyMemory memory = LazyMemory.Map(scene.SocketPath, 4 * TestImage.Page);
        Task touch = NativeTouch.Run(() =>
        {
            memory.Mapping.Advise(MemoryAdvice.PopulateRead, new AddressRange(memory.Mapping.Address, TestImage.Page));
            return true;
        });
        await source.Reading;
        Task dispose = DisposeAsync(memory);
        await touch.ContinueWith(_ => { }, TaskScheduler.Default); // right, or an error: it has come back
        await dispose;
        source.Open();
    }

    [Fact]
    public async Task Without_a_daemon_it_says_so_and_does_not_hang()
    {
        Requires.KernelFaults();
        using var folder = new TemporaryFolder();
        UffdException missing = await Assert.ThrowsAsync<UffdException>(() => NativeTouch.Run(() => LazyMemory.Map(folder.File("none"), 1 << 20)));
        Assert.Equal(Errno.ENOENT, missing.Errno);
        Assert.Contains("uffd serve", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disposing_twice_is_disposing_once()
    {
        await using Scene scene = Scene.Start();
        LazyMemory memory = LazyMemory.Map(scene.SocketPath, 4 * TestImage.Page);
        await DisposeAsync(memory);
        await DisposeAsync(memory);
    }

    [Fact]
    public async Task Handing_over_nothing_is_refused()
    {
        await using Scene scene = Scene.Start();
        using var userfaultfd = Userfaultfd.Create();
        using var client = UffdClient.HandOver(scene.SocketPath, userfaultfd);
        DaemonEvent refused = await scene.Log.WaitAsync(DaemonEventKind.Refused);
        Assert.Equal("there are no regions", refused.Message);
    }

    private static Task<bool> DisposeAsync(LazyMemory memory) => NativeTouch.Run(() =>
    {
        memory.Dispose();
        return true;
    });

    private static async Task<string> FailureAsync(LazyMemory memory)
    {
        using var limit = new CancellationTokenSource(EventLog.Patience);
        string? failure;
        while (!memory.HasFailed(out failure))
        {
            await Task.Delay(1, limit.Token);
        }

        return failure!;
    }
}
