namespace Uffd.Tool.Tests.Serving;

/// <summary>Signals to <c>uffd serve</c> while a client's memory is missing, the daemon's descriptor the only one.</summary>
public sealed class ServeStopTests
{
    [Theory]
    [InlineData(ServeProcess.SigTerm)]
    [InlineData(ServeProcess.SigInt)]
    public async Task Drain_completes_what_is_missing(int signal)
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--no-background");
        await using NativeTarget target = await AttachAsync(image, serve);
        ToolRun run = await serve.StopAsync(signal);
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Contains("stopping: bringing the 63 pages that 1 clients still miss", run.Output, StringComparison.Ordinal);
        await image.VerifyAsync(target);
    }

    [Fact]
    public async Task Without_drain_what_is_missing_is_SIGBUS()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--no-background", "--drain", "0");
        await using NativeTarget target = await AttachAsync(image, serve);
        ToolRun run = await serve.StopAsync();
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Contains("63 POISONED", run.Output, StringComparison.Ordinal);
        Assert.Equal(image.Bytes[0], (await target.TouchAsync(0)).Value);
        Assert.Equal(TouchResult.Sigbus, await target.TouchAsync(4096));
        Assert.Equal(TouchResult.Sigbus, await target.TouchAsync((ulong)image.Bytes.Length - 1));
    }

    [Fact]
    public async Task Kill_policy_kills_who_misses_pages()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--no-background", "--drain", "0", "--on-error", "kill");
        await using NativeTarget target = await AttachAsync(image, serve);
        ToolRun run = await serve.StopAsync();
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Contains("was killed: 63 pages were still missing", run.Output, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<TargetException>(() => target.RunAsync("pid"));
    }

    [Fact]
    public async Task Second_signal_hurries()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--no-background", "--drain", "600");
        await using NativeTarget target = await AttachAsync(image, serve);
        using (var file = new FileStream(image.Path, FileMode.Open))
        {
            file.SetLength(8192); // so that draining cannot end
        }

        serve.Signal(ServeProcess.SigTerm);
        await serve.WaitForLineAsync("stopping: bringing");
        ToolRun run = await serve.StopAsync();
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Equal(TouchResult.Sigbus, await target.TouchAsync(40960));
    }

    [Fact]
    public async Task Killed_daemon_freezes_a_client_with_a_copy_of_its_own_and_does_not_feed_it_zeros()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync("--no-background");
        await using NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await serve.WaitForLineAsync("attached");
        serve.Signal(ServeProcess.SigKill);
        await serve.EndAsync();
        TargetJob touch = await ServedImage.BeginStuckTouchAsync(target);
        Assert.False(await touch.IsDoneAsync());

        // A new daemon takes the socket over, and the memory if the client hands it over again.
        await using ServeProcess again = await image.ServeAsync();
        await image.HandOverAsync(target);
        Assert.Equal(image.Bytes[0], Assert.Single(await touch.JoinTouchesAsync()).Value);
        await image.VerifyAsync(target);
    }

    [Fact]
    public async Task Signal_without_clients_ends_it_at_once()
    {
        using var image = new ServedImage();
        await using ServeProcess serve = await image.ServeAsync();
        ToolRun run = await serve.StopAsync();
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Equal("stopped\n", run.Output);
    }

    /// <summary>A client without a copy of its descriptor, one page there and the rest missing.</summary>
    private static async Task<NativeTarget> AttachAsync(ServedImage image, ServeProcess serve)
    {
        NativeTarget target = await image.StartTargetAsync();
        await image.HandOverAsync(target);
        await serve.WaitForLineAsync("attached");
        await target.CloseUserfaultfdAsync();
        Assert.Equal(image.Bytes[0], (await target.TouchAsync(0)).Value);
        return target;
    }
}
