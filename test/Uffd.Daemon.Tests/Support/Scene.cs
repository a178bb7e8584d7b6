using Uffd.Paging;

namespace Uffd.Daemon.Tests;

/// <summary>A daemon of this process, its image, and clients in processes of their own. It brings only what is touched.</summary>
internal sealed class Scene : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly IPageSource _source;

    private Scene(TestImage image, IPageSource? source, Func<PagerDaemonOptions, PagerDaemonOptions>? change)
    {
        Requires.KernelFaults();
        Requires.Features(UffdFeatures.Poison);
        Image = image;
        _source = source ?? MemoryPageSource.FromBytes(image.Bytes);
        SocketPath = _folder.File("socket");
        var options = new PagerDaemonOptions
        {
            SocketPath = SocketPath,
            Image = _source,
            BackgroundFill = false,
            DrainTimeout = TimeSpan.Zero,
            Observer = Log.Add,
        };
        Options = change?.Invoke(options) ?? options;
        Daemon = new PagerDaemon(Options);
    }

    public EventLog Log { get; } = new();

    public TestImage Image { get; }

    public PagerDaemonOptions Options { get; }

    public PagerDaemon Daemon { get; }

    public string SocketPath { get; }

    public string Folder => _folder.Path;

    public static Scene Start(Func<PagerDaemonOptions, PagerDaemonOptions>? change = null, IPageSource? source = null, TestImage? image = null)
        => new(image ?? TestImage.Usual, source, change);

    /// <summary>A client that is being served, none of its memory there yet.</summary>
    public async Task<TestClient> AttachAsync(ulong pages = 8)
    {
        TestClient client = await TestClient.StartAsync(pages);
        await client.HandOverAsync(SocketPath);
        await Log.WaitAsync(DaemonEventKind.Attached, client.ProcessId);
        return client;
    }

    /// <summary>Something happens between two other clients: both are served right.</summary>
    public async Task ServesOthersAsync(Func<Task> incident)
    {
        await using TestClient before = await AttachAsync();
        await before.VerifyAsync(Image, length: TestImage.Page);
        await incident();
        await before.VerifyAsync(Image);
        await using TestClient after = await AttachAsync();
        await after.VerifyAsync(Image);
        Assert.Equal(0, Log.Count(DaemonEventKind.Refused, before.ProcessId) + Log.Count(DaemonEventKind.Refused, after.ProcessId));
    }

    /// <summary>One line to the observer and the same to the client, once.</summary>
    public async Task ExpectRefusalAsync(TestClient client, string because, bool reads = true)
    {
        DaemonEvent refused = await Log.WaitAsync(DaemonEventKind.Refused, client.ProcessId);
        Assert.Contains(because, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
        Assert.Equal(1, Log.Count(DaemonEventKind.Refused, client.ProcessId));
        Assert.Equal(0, Log.Count(DaemonEventKind.Attached, client.ProcessId));
        if (reads)
        {
            Assert.Equal($"error: {refused.Message}\n", await client.ReadRefusalAsync());
        }
    }

    /// <summary>Stops the daemon, as SIGTERM does.</summary>
    public Task StopAsync() => Daemon.StopAsync().WaitAsync(EventLog.Patience);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Daemon.Dispose();
        _source.Dispose();
        _folder.Dispose();
    }
}
