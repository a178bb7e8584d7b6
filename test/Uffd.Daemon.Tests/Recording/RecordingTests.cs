using Uffd.Paging;

namespace Uffd.Daemon.Tests.Recording;

/// <summary>The working set of a daemon's clients.</summary>
public sealed class RecordingTests
{
    [Fact]
    public async Task File_that_cannot_be_written_is_told_and_the_next_one_has_all()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("sets/set");
        Directory.CreateDirectory(folder.File("sets"));
        await using Scene scene = Scene.Start(options => options with { RecordPath = path });
        await TouchAndGoAsync(scene, page: 5, () => Directory.Delete(folder.File("sets")));
        await scene.Log.WaitAsync(told => told.Message.Contains("the working set cannot be written", StringComparison.Ordinal), "a failed write");
        Directory.CreateDirectory(folder.File("sets"));
        await TouchAndGoAsync(scene, page: 2);
        await scene.Log.WaitAsync(told => told.Message.StartsWith("recorded 2 pages", StringComparison.Ordinal), "a write");
        Assert.Equal([5 * TestImage.Page, 2 * TestImage.Page], WorkingSetFile.Read(path).Runs.Select(run => run.Offset));
    }

    [Fact]
    public async Task Nothing_touched_is_nothing_written()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("set"), "of another day", TestContext.Current.CancellationToken);
        await using (Scene scene = Scene.Start(options => options with { RecordPath = folder.File("set") }))
        {
            await using TestClient client = await scene.AttachAsync();
        }

        Assert.Equal("of another day", await File.ReadAllTextAsync(folder.File("set"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Set_of_another_image_is_refused_before_there_is_a_socket()
    {
        using var folder = new TemporaryFolder();
        using MemoryPageSource image = MemoryPageSource.FromBytes(new byte[8192]);
        var options = new PagerDaemonOptions { SocketPath = folder.File("socket"), Image = image, Replay = new WorkingSet([], 4096, 4096) };
        Assert.Contains("does not fit", Assert.Throws<ArgumentException>(() => new PagerDaemon(options)).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(options.SocketPath));
    }

    private static async Task TouchAndGoAsync(Scene scene, ulong page, Action? before = null)
    {
        await using TestClient client = await scene.AttachAsync();
        await client.Target.TouchAsync(page * TestImage.Page);
        before?.Invoke();
        await client.Target.CrashAsync();
    }
}
